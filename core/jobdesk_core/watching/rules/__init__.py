"""The rules: each a function of a Situation and Thresholds that gives the lines it has to say, the worst first."""
