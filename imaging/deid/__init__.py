"""De-identification by PS3.15 Annex E: the profile as data, a recipe, its engine, and a search for what leaked."""
