# Two stages: the first installs what uv.lock pins (hashes checked), the second carries only what runs.
FROM python:3.11-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /build
ENV UV_PROJECT_ENVIRONMENT=/opt/tanggap UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project
COPY README.md LICENSE ./
COPY app app
COPY connectors connectors
COPY migrations migrations
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.11-slim
LABEL org.opencontainers.image.title="tanggap" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin tanggap
COPY --from=build /opt/tanggap /opt/tanggap
ENV PATH=/opt/tanggap/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TANGGAP_LOG_FORMAT=json
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["tanggap"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
