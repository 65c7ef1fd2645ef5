"""What an application's workers tell of themselves and of their failures: one line has them report."""
