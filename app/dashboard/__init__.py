"""The HTML door: sign-in, and one page for each unit that shows how it does and what is most overdue."""
