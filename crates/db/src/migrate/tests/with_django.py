# The real Django as a partner of the adoption tests: `with_django.py COMMAND DATABASE`.
import io
import sys

import django
from django.conf import settings

command, database = sys.argv[1:]
settings.configure(
    SECRET_KEY="a key for tests only, and long enough",
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
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

from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client


def nothing_to_migrate():
    call_command("migrate", check_unapplied=True, verbosity=0)  # exits with 1 if there is something
    said = io.StringIO()
    call_command("migrate", stdout=said, no_color=True)
    assert "No migrations to apply." in said.getvalue(), said.getvalue()


if command == "make":
    call_command("migrate", verbosity=0)
    admin = User.objects.create_superuser("admin", "admin@example.com", "Tenant-pass-1")
    admin.groups.add(Group.objects.create(name="editors"))
elif command == "check":
    nothing_to_migrate()
    user = authenticate(username="admin", password="Tenant-pass-1")
    assert user is not None and user.is_superuser
    assert [group.name for group in user.groups.all()] == ["editors"]
    print("admin signs in, nothing to migrate")
elif command == "sign-in":
    client = Client()
    client.force_login(User.objects.get(username="admin"))
    print(client.cookies["sessionid"].value)
elif command == "migrate":
    nothing_to_migrate()
    print("nothing to migrate")
else:
    sys.exit(f"unknown command {command}")
