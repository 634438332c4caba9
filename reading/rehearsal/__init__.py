"""A charter rehearsed before its trial: subjects and readers drawn at random, read by the charter's own criteria.

Nothing here touches a trial's records: what is drawn is reported, marked as simulated, and forgotten.
"""
