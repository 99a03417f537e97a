"""Cloud Run services, functions and schedules: what is deployed runs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from fastyle_localcloud.provider.live import Live, Properties, Refused, live
from fastyle_localcloud.workloads import SecretFile, Workload


def _short(name: str) -> str:
    """The last part of a full resource name."""
    return name.rsplit("/", 1)[-1]


def service_workload(values: Properties) -> Workload:
    """What a Cloud Run service asks for."""
    template = values.get("template") or {}
    containers = template.get("containers") or []
    source = containers[0].get("sourceCode", {}).get("cloudStorageSource") if len(containers) == 1 else None
    if not source:
        raise Refused(
            f"service {values['name']}: the local cloud runs services from an archive (sourceCode.cloudStorageSource) "
            "with one container; an image needs a container engine"
        )
    container: dict[str, Any] = containers[0]
    commands, arguments = container.get("commands") or ["python"], container.get("args") or []
    if not container.get("commands") and not arguments:
        arguments = ["main.py"]
    variables, secrets = {}, {}
    for env in container.get("envs") or []:
        if reference := (env.get("valueSource") or {}).get("secretKeyRef"):
            secrets[env["name"]] = (_short(reference["secret"]), str(reference.get("version") or "latest"))
        else:
            variables[env["name"]] = str(env.get("value") or "")
    mounts = {m["name"]: m["mountPath"] for m in container.get("volumeMounts") or []}
    files = [
        SecretFile(
            _short(volume["secret"]["secret"]),
            str(item.get("version") or "latest"),
            mounts[volume["name"]],
            item["path"],
        )
        for volume in template.get("volumes") or []
        if volume.get("secret") and volume["name"] in mounts
        for item in volume["secret"].get("items") or [{"path": _short(volume["secret"]["secret"])}]
    ]
    return Workload(
        name=values["name"],
        kind="service",
        resource=values["id"],
        account=template.get("serviceAccount") or "",
        bucket=source["bucket"],
        archive=source["object"],
        generation=str(source.get("generation") or 0),
        command=(*commands, *arguments),
        environment=variables,
        secret_variables=secrets,
        secret_files=tuple(files),
        health_path=((container.get("startupProbe") or {}).get("httpGet") or {}).get("path"),
    )


def function_workload(values: Properties) -> Workload:
    """What a function asks for."""
    build, service = values.get("buildConfig") or {}, values.get("serviceConfig") or {}
    source = (build.get("source") or {}).get("storageSource")
    if not source:
        raise Refused(
            f"function {values['name']}: buildConfig.source.storageSource is what the local cloud deploys from"
        )
    files = [
        SecretFile(_short(volume["secret"]), str(item["version"]), volume["mountPath"], item["path"].lstrip("/"))
        for volume in service.get("secretVolumes") or []
        for item in volume.get("versions") or [{"version": "latest", "path": _short(volume["secret"])}]
    ]
    secrets = {
        variable["key"]: (_short(variable["secret"]), str(variable["version"]))
        for variable in service.get("secretEnvironmentVariables") or []
    }
    return Workload(
        name=values["name"],
        kind="function",
        # A function of the second generation is a service of the same name, and is invoked as one.
        resource=values["id"].replace("/functions/", "/services/"),
        account=service.get("serviceAccountEmail") or "",
        bucket=source["bucket"],
        archive=source["object"],
        generation=str(source.get("generation") or 0),
        command=(build.get("entryPoint") or values["name"],),
        environment={name: str(value) for name, value in (service.get("environmentVariables") or {}).items()},
        secret_variables=secrets,
        secret_files=tuple(files),
    )


class _Deployed(Live):
    """What runs from an archive under its name."""

    _workload: Callable[[Properties], Workload]

    @abstractmethod
    def _addresses(self, values: Properties, url: str) -> Properties:
        """The outputs that say where it answers."""

    async def create(self, inputs: Properties) -> Properties:
        return self._addresses(inputs, await self.cloud.workloads.deploy(self._workload(inputs)))

    async def read(self, state: Properties) -> Properties | None:
        deployed = self.cloud.workloads.deployed(state["name"])
        return self._addresses(state, self.cloud.workloads.url(state["name"])) if deployed else None

    async def update(self, old: Properties, new: Properties) -> Properties:
        return await self.create(new)

    async def delete(self, state: Properties) -> None:
        await self.cloud.workloads.remove(state["name"])


@live("gcp:cloudrunv2/service:Service")
class Service(_Deployed):
    _workload = staticmethod(service_workload)

    def _addresses(self, values: Properties, url: str) -> Properties:
        return {"uri": url, "urls": [url]}


@live("gcp:cloudfunctionsv2/function:Function")
class Function(_Deployed):
    _workload = staticmethod(function_workload)

    def _addresses(self, values: Properties, url: str) -> Properties:
        service = {**(values.get("serviceConfig") or {}), "uri": url, "gcfUri": url, "service": values["name"]}
        return {"url": url, "serviceConfig": service}


@live("gcp:cloudscheduler/job:Job")
class Job(Live):
    async def create(self, inputs: Properties) -> Properties:
        kept = ("name", "schedule", "timeZone", "paused", "httpTarget", "retryConfig", "attemptDeadline")
        job = {key: inputs[key] for key in kept if inputs.get(key) is not None}
        if "schedule" not in job:
            raise Refused(f"job {job['name']}: schedule is missing; write a cron line such as '0 * * * *'")
        if "httpTarget" not in job:
            raise Refused(f"job {job['name']}: only httpTarget is served by the local cloud")
        self.cloud.scheduler.put(inputs["id"], job)
        return {}

    async def read(self, state: Properties) -> Properties | None:
        return {} if self.cloud.scheduler.get(state["id"]) else None

    async def update(self, old: Properties, new: Properties) -> Properties:
        return await self.create(new)

    async def delete(self, state: Properties) -> None:
        self.cloud.scheduler.remove(state["id"])
