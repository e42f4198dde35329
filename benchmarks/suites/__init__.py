"""The problems of the regret experiment, a suite a file; `suites.base` says what a problem is."""
