"""The business of a support desk: pure decisions and folds, no I/O and no clock."""
