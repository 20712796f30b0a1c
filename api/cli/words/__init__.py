"""How the command line says things to people, in sentences."""
