"""Synthetic CT of the chest with lesions of known size: demo data and ground truth, never patients.

Fixed seeds give fixed bytes. Every instance says in its header that it is synthetic.
"""
