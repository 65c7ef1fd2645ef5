"""Reading at scale: filters, pages, counts, the change feed, series and explanations. Never writes a row."""
