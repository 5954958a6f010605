"""What keeps a form from being done twice."""

from django.db import models


class FormToken(models.Model):
    """A form post that was already done: the double click finds its result (reliability)."""

    token = models.UUIDField(unique=True)
    used_at = models.DateTimeField()
    location = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["used_at"], name="form_token_used")]

    def __str__(self) -> str:
        return str(self.token)
