"""The SLA room: calendars, clocks, policies, accounts and figures; pure, standard library only."""
