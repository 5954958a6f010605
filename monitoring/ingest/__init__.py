"""What other machines send: pings, figures, alerts and reports.

The addresses answer without session, sign-in or CSRF work (see ``middleware``). Taking something
in writes rows and judges nothing; the evaluation does that later. What the database cannot take
within two seconds is kept on disk (see ``spool``), so nothing is answered that is not stored.
"""
