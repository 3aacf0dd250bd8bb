# The settings of a Django project of the kind that is taken over, and what holds of one that Django need not migrate.
import io

import django
from django.conf import settings
from django.core.management import call_command


def set_up(databases):
    settings.configure(
        SECRET_KEY="a key for tests only, and long enough",
        USE_TZ=True,
        DATABASES=databases,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
        ],
    )
    assert django.VERSION[:2] == (4, 1), f"Django 4.1 is needed, this is {django.get_version()}"
    django.setup()


def nothing_to_migrate(database="default"):
    call_command("migrate", database=database, check_unapplied=True, verbosity=0)  # exits with 1 if there is something
    said = io.StringIO()
    call_command("migrate", database=database, stdout=said, no_color=True)
    assert "No migrations to apply." in said.getvalue(), said.getvalue()
