"""Verified calls: locust -f locustfile.py --host sip:echo@192.0.2.10 --headless -u 10 -r 2 -t 60

On several machines: the same with --master --master-bind-host HOST, on others --worker --master-host HOST.
"""

from bot.config import EndpointConfig
from bot.load.locust import SipUser


class Caller(SipUser):
    """A user who calls; its settings are those of an Endpoint."""

    endpoint = EndpointConfig(name="caller").with_options(srtp="mandatory")
    length = "5-10"
