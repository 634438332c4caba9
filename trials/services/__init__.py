"""The verbs of the protocol: setting up, enrolling, querying."""
