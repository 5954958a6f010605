"""Everything a template stored in the database may use: `if` and three filters (A4)."""

from django.template import Library, defaultfilters, defaulttags

register = Library()
register.tag("if", defaulttags.do_if)
register.filter("capfirst", defaultfilters.capfirst)
register.filter("lower", defaultfilters.lower)
register.filter("upper", defaultfilters.upper)
