# A phone in a container: `docker build --tag srtpbot .`, then `docker run --rm srtpbot --help`.
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml setup.py constraints.txt README.md LICENSE ./
COPY bot bot
COPY media media
COPY srtpbot_pytest srtpbot_pytest
COPY configs configs
# The releases of constraints.txt; its hashes would ask for one of srtpbot itself.
RUN sed -e '/--hash=/d' -e 's/ *\\$//' constraints.txt > releases.txt \
    && python -m venv /opt/srtpbot \
    && /opt/srtpbot/bin/pip install --no-cache-dir --constraint releases.txt '.[load]'

FROM python:3.12-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 phone
COPY --from=build /opt/srtpbot /opt/srtpbot
ENV PATH=/opt/srtpbot/bin:$PATH PYTHONUNBUFFERED=1
USER phone
WORKDIR /home/phone
EXPOSE 5060/udp 4000-4099/udp
# What listens elsewhere has another check, what does not listen has none (--no-healthcheck).
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s \
    CMD ["srtpbot", "ping", "sip:127.0.0.1:5060", "--count", "1"]
ENTRYPOINT ["tini", "--", "srtpbot"]
CMD ["answer", "--as", "parrot", "--port", "5060", "--rtp-ports", "4000-4099"]
