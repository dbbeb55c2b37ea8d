"""What the commands of the command line do; each returns what ``--json`` prints."""
