"""What the DNS says about a sending domain (rule K10): SPF, DKIM, DMARC, block lists."""

from monitoring.probes.domains.checking import check_domain, check_domains, due_domains

__all__ = ["check_domain", "check_domains", "due_domains"]
