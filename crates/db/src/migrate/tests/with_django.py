# The real Django as a partner of the adoption tests: `with_django.py COMMAND DATABASE`.
import sys

from django.core.management import call_command

from django_project import nothing_to_migrate, set_up

command, database = sys.argv[1:]
set_up({"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}})

from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.test import Client

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
