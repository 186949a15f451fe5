"""`slimstream cloud` whole: what runs a cloud, and what asks a running one."""

from cloud.cli import app
from console.cloud_settings import settings

app.command("settings")(settings)
