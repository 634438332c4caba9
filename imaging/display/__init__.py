"""What a viewer is given of a picture: its values, where it lies in the patient, and nothing else of its header."""
