"""The sections of the report's page: results in, HTML out; each figure and table goes through the Exhibits."""
