"""The HTTP interface: commands in, answers of the views out, a problem document for everything else."""
