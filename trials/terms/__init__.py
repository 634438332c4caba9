"""How terms of a document are declared: kinds of values, and records of named terms. The rest follows from there."""
