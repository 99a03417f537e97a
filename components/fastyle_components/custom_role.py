"""A role of the project's own and its grant, where the predefined ones would allow too much."""

import pulumi
import pulumi_gcp as gcp

CHANGE_DATABASES = ["cloudsql.instances.get", "cloudsql.instances.update"]
"""What stopping and starting a Cloud SQL instance takes: its activation policy has no right of its own."""


def grant_custom_role(
    role_name: str,
    grant_name: str,
    *,
    role_id: str,
    project: str,
    title: str,
    description: str,
    permissions: list[str],
    member: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> "gcp.projects.IAMMember":
    """Make the role `role_id` as `role_name`, give it to `member` as `grant_name`, and return the grant."""
    role = gcp.projects.IAMCustomRole(
        role_name,
        role_id=role_id,
        project=project,
        title=title,
        description=description,
        permissions=permissions,
        stage="GA",
        opts=opts,
    )
    return gcp.projects.IAMMember(
        grant_name,
        project=project,
        # Known at preview, unlike the role's own name.
        role=pulumi.Output.concat("projects/", project, "/roles/", role.role_id),
        member=member,
        opts=opts,
    )
