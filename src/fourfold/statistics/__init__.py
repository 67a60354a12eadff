"""Statistics of a comparison: subjects are the units; summaries, tests of normality, tests of methods, agreement."""
