"""The checklists that run themselves (rules K7 to K10).

periods: which period an instant belongs to. opening: one run per period. answers: what the
monitors say. preparing: what is put together for a person. filling: both, for one run.
findings: the incidents behind failed items. finishing: what people do. reminding: rule N1.
"""
