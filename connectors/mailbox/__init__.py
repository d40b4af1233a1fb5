"""The mailbox of an official channel, read over IMAP."""
