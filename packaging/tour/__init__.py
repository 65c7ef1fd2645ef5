"""`make tour`: a walk through the window on live data, with a picture of each step. No part of the program."""
