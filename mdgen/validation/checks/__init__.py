"""Do the parts of a run, and of an installation, fit together?"""
