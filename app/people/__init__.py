"""Who may do what: officers and their passwords, tokens, sessions, unit scope, rates, the audit trail."""
