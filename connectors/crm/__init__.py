"""CRM, the back office of Jakarta's complaints: its public dashboard interface."""
