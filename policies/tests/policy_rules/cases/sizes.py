from __future__ import annotations

from fastyle_policies.model import UNKNOWN

from policy_rules import resources as r
from policy_rules.table import Case, Cases

_RUN, _FN, _AIRFLOW = (
    "template.scaling.maxInstanceCount",
    "serviceConfig.maxInstanceCount",
    "config.workloadsConfig.worker.maxCount",
)
_DISK = "db: lets its disk grow without diskAutoresizeLimit of 1 to 500 GB: a disk never shrinks"
_IDLE = {"run.template.scaling.minInstanceCount": 1, "fn.serviceConfig.minInstanceCount": 1}
_DEV = {**r.LABELS, "environment": "dev"}

CASES: dict[str, Cases] = {
    "bounded-instances": Cases(
        good=[r.service("run"), r.function("fn"), r.composer("airflow")],
        cases=[
            Case("wrong", {f"run.{_RUN}": 21}, ["run: may grow to 21 instances, above the ceiling of 20"]),
            Case("passes", {f"run.{_RUN}": 20}),
            Case("passes", {f"run.{_RUN}": "20"}),
            Case("passes", {f"run.{_RUN}": 1}),
            Case("passes", {f"run.{_RUN}": 500, "run.scaling": {"maxInstanceCount": 20}}),
            Case("passes", {f"run.{_RUN}": 21}, parameters={"maximum": 21}),
            Case("wrong", {f"fn.{_FN}": 3000}, ["fn: may grow to 3000 instances, above the ceiling of 20"]),
            Case("wrong", {f"airflow.{_AIRFLOW}": 50}, ["airflow: may grow to 50 instances, above the ceiling of 20"]),
            Case("wrong", {f"run.{_RUN}": 0}, [f"run: sets no {_RUN}: it may grow to 100 instances or more"]),
            Case("unset", {f"run.{_RUN}": ...}, [f"run: sets no {_RUN}: it may grow to 100 instances or more"]),
            Case("unset", {f"fn.{_FN}": ...}, [f"fn: sets no {_FN}: it may grow to 100 instances or more"]),
            Case(
                "unset",
                {f"airflow.{_AIRFLOW}": ...},
                [f"airflow: sets no {_AIRFLOW}: it may grow to 100 instances or more"],
            ),
            Case("unknown", {f"run.{_RUN}": UNKNOWN}, [f"run: {_RUN} is not known at preview"]),
            Case("unknown", {"run.scaling": UNKNOWN}, [f"run: {_RUN} is not known at preview"]),
            Case("unknown", {"fn.serviceConfig": UNKNOWN}, [f"fn: {_FN} is not known at preview"]),
        ],
    ),
    "idle-instances": Cases(
        good=[r.service("run"), r.function("fn")],
        cases=[
            Case(
                "wrong",
                _IDLE,
                [
                    "run: keeps 1 instances running for nothing, above 0",
                    "fn: keeps 1 instances running for nothing, above 0",
                ],
            ),
            Case("passes", _IDLE, parameters={"maximum": 1}),
            Case(
                "wrong",
                {"run.scaling": {"minInstanceCount": 2}},
                ["run: keeps 2 instances running for nothing, above 0"],
            ),
            Case(
                "wrong",
                {"run.scaling": {"manualInstanceCount": 2}},
                ["run: keeps 2 instances running for nothing, above 1"],
                {"maximum": 1},
            ),
            Case("unset", {"run.template.scaling": ..., "fn.serviceConfig.minInstanceCount": ...}),
            Case(
                "unknown",
                {"run.template.scaling.minInstanceCount": UNKNOWN},
                ["run: template.scaling.minInstanceCount is not known at preview"],
            ),
            Case(
                "unknown",
                {"fn.serviceConfig.minInstanceCount": UNKNOWN},
                ["fn: serviceConfig.minInstanceCount is not known at preview"],
            ),
        ],
    ),
    "tier-ceiling": Cases(
        good=[
            r.database("db", tier="db-custom-4-16384", diskSize=500, diskAutoresizeLimit=500),
            r.database("small", tier="db-f1-micro", diskAutoresize=False, diskAutoresizeLimit=0),
            r.database("shared", tier="db-g1-small", diskAutoresizeLimit=1),
            r.service("run"),
            r.run_job("job"),
            r.function("fn"),
            r.composer("airflow"),
        ],
        cases=[
            Case(
                "wrong",
                {"db.settings.tier": "db-custom-8-8192"},
                ["db: has tier db-custom-8-8192 (8 vCPUs, 8192 MiB), above the ceiling of 4 vCPUs and 16384 MiB"],
            ),
            Case(
                "wrong",
                {"db.settings.tier": "db-custom-2-16640"},
                ["db: has tier db-custom-2-16640 (2 vCPUs, 16640 MiB), above the ceiling of 4 vCPUs and 16384 MiB"],
            ),
            Case(
                "wrong",
                {"db.settings.tier": "db-perf-optimized-N-8"},
                ["db: has tier db-perf-optimized-N-8 (8 vCPUs, 65536 MiB), above the ceiling of 4 vCPUs and 16384 MiB"],
            ),
            Case(
                "passes",
                {"db.settings.tier": "db-perf-optimized-N-8"},
                parameters={"sql_vcpus": 8, "sql_memory_mb": 65536},
            ),
            Case(
                "wrong",
                {"db.settings.tier": "db-custom-1-614"},
                ["shared: has tier db-g1-small (0.5 vCPUs, 1740 MiB), above the ceiling of 4 vCPUs and 614 MiB"],
                {"sql_memory_mb": 614},
            ),
            Case(
                "wrong",
                {"db.settings.tier": "db-f1-micro"},
                ["shared: has tier db-g1-small (0.5 vCPUs, 1740 MiB), above the ceiling of 0.2 vCPUs and 16384 MiB"],
                {"sql_vcpus": 0.2},
            ),
            Case(
                "wrong",
                {"db.settings.tier": "db-n1-standard-1"},
                ["db: has tier db-n1-standard-1, whose size and price are unknown here"],
            ),
            Case(
                "wrong",
                {"db.settings.tier": "db-custom-4-16384-x"},
                ["db: has tier db-custom-4-16384-x, whose size and price are unknown here"],
            ),
            Case("unset", {"db.settings.tier": ...}, ["db: has tier unset, whose size and price are unknown here"]),
            Case(
                "unknown",
                {"db.settings.tier": UNKNOWN},
                ["db: has tier <known at update>, whose size and price are unknown here"],
            ),
            Case(
                "wrong",
                {"db.settings.edition": "ENTERPRISE_PLUS"},
                ["db: has edition ENTERPRISE_PLUS; allowed: ENTERPRISE"],
            ),
            Case(
                "wrong",
                {
                    "db.settings.edition": "ENTERPRISE_PLUS",
                    "airflow.config.environmentSize": "ENVIRONMENT_SIZE_LARGE",
                },
                [
                    "db: has edition ENTERPRISE_PLUS; allowed: ENTERPRISE, BASIC",
                    "airflow: has environment size ENVIRONMENT_SIZE_LARGE; allowed: ENVIRONMENT_SIZE_SMALL, TINY",
                ],
                {"sql_editions": ["ENTERPRISE", "BASIC"], "composer_sizes": ["ENVIRONMENT_SIZE_SMALL", "TINY"]},
            ),
            Case("unset", {"db.settings.edition": ...}, ["db: has edition unset; allowed: ENTERPRISE"]),
            Case(
                "unknown", {"db.settings.edition": UNKNOWN}, ["db: has edition <known at update>; allowed: ENTERPRISE"]
            ),
            Case(
                "wrong", {"db.settings.diskSize": 501}, ["db: starts with 501 GB of disk, above the ceiling of 500 GB"]
            ),
            Case("unset", {"db.settings.diskSize": ...}),
            Case("unknown", {"db.settings.diskSize": UNKNOWN}, ["db: its disk's size is not known at preview"]),
            Case("wrong", {"db.settings.diskAutoresizeLimit": 501}, [_DISK]),
            Case("wrong", {"db.settings.diskAutoresizeLimit": 0}, [_DISK]),
            Case("unset", {"db.settings.diskAutoresizeLimit": ...}, [_DISK]),
            Case("unknown", {"db.settings.diskAutoresizeLimit": UNKNOWN}, [_DISK]),
            Case("unset", {"db.settings.diskAutoresize": ..., "db.settings.diskAutoresizeLimit": 0}, [_DISK]),
            Case("unknown", {"db.settings.diskAutoresize": UNKNOWN, "db.settings.diskAutoresizeLimit": 0}, [_DISK]),
            Case("passes", {"db.settings.diskAutoresize": "false", "db.settings.diskAutoresizeLimit": 0}),
            Case(
                "wrong",
                {"run.template.containers.0.resources.limits.cpu": "4"},
                ["run: asks for 4 vCPUs an instance, above the ceiling of 2"],
            ),
            Case("passes", {"run.template.containers.0.resources.limits.cpu": "2000m"}),
            Case(
                "wrong",
                {"run.template.containers.0.resources.limits.cpu": "2001m"},
                ["run: asks for 2.001 vCPUs an instance, above the ceiling of 2"],
            ),
            Case(
                "wrong",
                {"run.template.containers.0.resources.limits.cpu": "two"},
                ["run: asks for inf vCPUs an instance, above the ceiling of 2"],
            ),
            Case(
                "wrong",
                {"job.template.template.containers.0.resources.limits.cpu": 8},
                ["job: asks for 8 vCPUs an instance, above the ceiling of 2"],
            ),
            Case(
                "wrong",
                {"fn.serviceConfig.availableCpu": "8"},
                ["fn: asks for 8 vCPUs an instance, above the ceiling of 2"],
            ),
            Case("unset", {"fn.serviceConfig.availableCpu": ..., "run.template.containers.0.resources": ...}),
            Case(
                "unknown",
                {"fn.serviceConfig.availableCpu": UNKNOWN},
                ["fn: its number of CPUs is not known at preview"],
            ),
            Case(
                "unknown",
                {"run.template.containers.0.resources": UNKNOWN},
                ["run: its number of CPUs is not known at preview"],
            ),
            Case(
                "wrong",
                {"airflow.config.environmentSize": "ENVIRONMENT_SIZE_LARGE"},
                ["airflow: has environment size ENVIRONMENT_SIZE_LARGE; allowed: ENVIRONMENT_SIZE_SMALL"],
            ),
            Case(
                "unset",
                {"airflow.config.environmentSize": ...},
                ["airflow: has environment size unset; allowed: ENVIRONMENT_SIZE_SMALL"],
            ),
            Case(
                "unknown",
                {"airflow.config.environmentSize": UNKNOWN},
                ["airflow: has environment size <known at update>; allowed: ENVIRONMENT_SIZE_SMALL"],
            ),
        ],
    ),
    "high-availability": Cases(
        good=[r.database("db"), r.composer("airflow")],
        parameters={"protected": False},
        cases=[
            Case(
                "wrong",
                {"db.settings.availabilityType": "REGIONAL"},
                ["db: settings.availabilityType is REGIONAL, which doubles its price, and nobody asked for it"],
            ),
            Case("passes", {"db.settings.availabilityType": "REGIONAL"}, parameters={"protected": True}),
            Case("passes", {"db.settings.availabilityType": "REGIONAL"}, parameters={"wanted": True}),
            Case(
                "wrong",
                {"db.settings.availabilityType": "REGIONAL"},
                ["db: settings.availabilityType is REGIONAL, which doubles its price, and nobody asked for it"],
                {"wanted": False, "protected": True},
            ),
            Case(
                "wrong",
                {"airflow.config.resilienceMode": "HIGH_RESILIENCE"},
                ["airflow: config.resilienceMode is HIGH_RESILIENCE, which doubles its price, and nobody asked for it"],
            ),
            Case(
                "passes",
                {"airflow.config.resilienceMode": "STANDARD_RESILIENCE", "db": ...},
                parameters={"wanted": True},
            ),
            Case(
                "wrong",
                {"db.settings.availabilityType": "ZONAL"},
                ["db: settings.availabilityType is ZONAL: `wanted` asks for REGIONAL"],
                {"wanted": True},
            ),
            Case("passes", {"db.masterInstanceName": "main"}, parameters={"wanted": True}),
            Case(
                "wrong",
                {"db.masterInstanceName": "main", "db.settings.availabilityType": "REGIONAL"},
                ["db: settings.availabilityType is REGIONAL, which doubles its price, and nobody asked for it"],
            ),
            Case("unset", {"db.settings.availabilityType": ...}),
            Case(
                "unset",
                {"db.settings.availabilityType": ...},
                ["db: settings.availabilityType is unset: `wanted` asks for REGIONAL"],
                {"wanted": True},
            ),
            Case(
                "unknown",
                {"db.settings.availabilityType": UNKNOWN},
                ["db: settings.availabilityType is not known at preview"],
            ),
            Case(
                "unknown",
                {"airflow.config.resilienceMode": UNKNOWN},
                ["airflow: config.resilienceMode is not known at preview"],
            ),
        ],
    ),
    "judged-type": Cases(
        good=[r.service("run"), r.function("fn")],
        cases=[
            Case(
                "wrong",
                {
                    "old": r.resource(
                        "gcp:cloudfunctions/function:Function",
                        "old",
                        name="old",
                        region="us-central1",
                        runtime="python311",
                        entryPoint="handle",
                        triggerHttp=True,
                    )
                },
                ["old: is of a type that no rule here can judge; use cloudfunctionsv2.Function"],
            ),
            Case(
                "wrong",
                {"old": r.resource("gcp:cloudrun/service:Service", "old")},
                ["old: is of a type that no rule here can judge; use cloudrunv2.Service"],
            ),
            Case(
                "wrong",
                {"pool": r.resource("gcp:cloudrunv2/workerPool:WorkerPool", "pool")},
                ["pool: is of a type that no rule here can judge; use cloudrunv2.Service or cloudrunv2.Job"],
            ),
        ],
        without={"unset": "the type is all it asks", "unknown": "a type is always known"},
    ),
}
