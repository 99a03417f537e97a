"""What costs nothing by itself, and why. A type that is neither here nor priced is listed as not estimated."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache

GRANT = "identity and access management is free of charge"
WITH_INSTANCE = "billed with its instance"

WITH_BALANCER = "a part of a load balancer, which is billed by its forwarding rules and what they carry"
WITH_GROUP = "billed with the instances that are made of it"
NETWORK = "networks, routes and peerings are free; traffic is billed where it leaves"
RESOURCE_MANAGER = "projects, folders, tags and policies are free of charge"
OBSERVED = "free; what is ingested is billed with logs and metrics"
ACCESS = "access rules are free of charge"
NO_CLOUD = "lives in the program's state, in no cloud"
IN_CLUSTER = "runs in its cluster, where its nodes are billed, or its pods by usage on Autopilot"
CERTIFICATE = "certificates that Google manages for a load balancer are free"


def _types(why: str, *tokens: str) -> dict[str, str]:
    return dict.fromkeys(tokens, why)


FREE: Mapping[str, str] = {
    # Grants and identities of every service.
    **_types(
        GRANT,
        "gcp:*IamMember",
        "gcp:*IAMMember",
        "gcp:*IamBinding",
        "gcp:*IAMBinding",
        "gcp:*IamPolicy",
        "gcp:*IAMPolicy",
        "gcp:bigquery/datasetAccess:DatasetAccess",
        "gcp:iam/denyPolicy:DenyPolicy",
        "gcp:iam/workloadIdentityPool:WorkloadIdentityPool",
        "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
        "gcp:organizations/iAMCustomRole:IAMCustomRole",
        "gcp:projects/defaultServiceAccounts:DefaultServiceAccounts",
        "gcp:projects/iAMAuditConfig:IAMAuditConfig",
        "gcp:projects/iAMCustomRole:IAMCustomRole",
        "gcp:projects/serviceIdentity:ServiceIdentity",
        "gcp:serviceaccount/account:Account",
        "gcp:serviceaccount/key:Key",
    ),
    **_types(
        ACCESS,
        "gcp:accesscontextmanager/*",
        "gcp:datacatalog/policyTag:PolicyTag",
        "gcp:datacatalog/taxonomy:Taxonomy",
        "gcp:iap/brand:Brand",
        "gcp:iap/client:Client",
        "gcp:storage/bucketACL:BucketACL",
        "gcp:storage/bucketAccessControl:BucketAccessControl",
        "gcp:storage/defaultObjectACL:DefaultObjectACL",
        "gcp:storage/defaultObjectAccessControl:DefaultObjectAccessControl",
        "gcp:storage/hmacKey:HmacKey",
        "gcp:storage/objectACL:ObjectACL",
    ),
    **_types(
        RESOURCE_MANAGER,
        "gcp:folder/organizationPolicy:OrganizationPolicy",
        "gcp:organizations/folder:Folder",
        "gcp:organizations/policy:Policy",
        "gcp:organizations/project:Project",
        "gcp:orgpolicy/policy:Policy",
        "gcp:projects/organizationPolicy:OrganizationPolicy",
        "gcp:resourcemanager/lien:Lien",
        "gcp:tags/tagBinding:TagBinding",
        "gcp:tags/tagKey:TagKey",
        "gcp:tags/tagValue:TagValue",
    ),
    "gcp:projects/service:Service": "switching an API on is free; what is used of it is billed where it is used",
    "gcp:billing/budget:Budget": "budgets are free; their notices count as Pub/Sub messages of their topic",
    # Parts whose cost is counted on the resource that holds them.
    **_types(
        WITH_INSTANCE,
        "gcp:alloydb/user:User",
        "gcp:bigtable/appProfile:AppProfile",
        "gcp:bigtable/gCPolicy:GCPolicy",
        "gcp:bigtable/table:Table",
        "gcp:bigquery/reservationAssignment:ReservationAssignment",
        "gcp:firestore/document:Document",
        "gcp:firestore/field:Field",
        "gcp:firestore/index:Index",
        "gcp:managedkafka/acl:Acl",
        "gcp:managedkafka/topic:Topic",
        "gcp:spanner/database:Database",
        "gcp:sql/database:Database",
        "gcp:sql/sslCert:SslCert",
        "gcp:sql/user:User",
    ),
    "gcp:pubsub/schema:Schema": "schemas are free; validation is part of publishing",
    "gcp:storage/bucketObject:BucketObject": "its bytes and writes are counted with its bucket",
    "gcp:storage/notification:Notification": "free; its notices count as Pub/Sub messages of their topic",
    "gcp:bigquery/routine:Routine": "costs only what its queries scan",
    "gcp:bigquery/connection:Connection": "costs only what queries through it scan",
    "gcp:dataform/repository:Repository": "Dataform is free; what its queries scan is BigQuery's",
    "gcp:dns/recordSet:RecordSet": "billed with its zone, by queries",
    "gcp:eventarc/trigger:Trigger": "events of Google's own services are free; delivery counts as messages",
    "gcp:kms/keyRing:KeyRing": "key rings are free; key versions are billed",
    "gcp:cloudrun/domainMapping:DomainMapping": "domain mappings are free",
    "gcp:bigquery/job:Job": "costs only what it scans",
    "gcp:dataproc/autoscalingPolicy:AutoscalingPolicy": "billed with the clusters that it sizes",
    "gcp:datastream/connectionProfile:ConnectionProfile": "billed with the streams that use it, by what they carry",
    "gcp:datastream/privateConnection:PrivateConnection": "billed with the streams that use it, by what they carry",
    "gcp:compute/sslCertificate:SSLCertificate": "certificates that you bring are free",
    "gcp:cloudbuild/trigger:Trigger": "a trigger is free; minutes of its builds are billed where they are counted",
    "gcp:cloudbuildv2/connection:Connection": "connections to repositories are free",
    "gcp:cloudbuildv2/repository:Repository": "connections to repositories are free",
    "gcp:cloudidentity/group:Group": "groups of people and accounts are free of charge",
    "gcp:cloudidentity/groupMembership:GroupMembership": "groups of people and accounts are free of charge",
    "gcp:essentialcontacts/contact:Contact": "contacts of a project are free of charge",
    "gcp:firebase/project:Project": "a project is free; what is used of it is billed where it is used",
    "gcp:firebase/webApp:WebApp": "an app is an entry of its project and free",
    # Networks without gateways.
    "gcp:compute/network:Network": "a network is free; traffic is billed where it leaves",
    "gcp:compute/subnetwork:Subnetwork": "a subnetwork is free; flow logs are off unless asked for",
    "gcp:compute/firewall:Firewall": "firewall rules are free",
    "gcp:compute/router:Router": "a router is free; its NAT is billed",
    "gcp:servicenetworking/connection:Connection": "private services access is free",
    **_types(
        NETWORK,
        "gcp:compute/externalVpnGateway:ExternalVpnGateway",
        "gcp:compute/haVpnGateway:HaVpnGateway",
        "gcp:compute/networkPeering:NetworkPeering",
        "gcp:compute/networkPeeringRoutesConfig:NetworkPeeringRoutesConfig",
        "gcp:compute/route:Route",
        "gcp:compute/routerInterface:RouterInterface",
        "gcp:compute/routerPeer:RouterPeer",
        "gcp:compute/sharedVPCHostProject:SharedVPCHostProject",
        "gcp:compute/sharedVPCServiceProject:SharedVPCServiceProject",
        "gcp:compute/vPNGateway:VPNGateway",
    ),
    **_types(
        WITH_BALANCER,
        "gcp:compute/backendBucket:BackendBucket",
        "gcp:compute/backendService:BackendService",
        "gcp:compute/globalNetworkEndpoint:GlobalNetworkEndpoint",
        "gcp:compute/globalNetworkEndpointGroup:GlobalNetworkEndpointGroup",
        "gcp:compute/healthCheck:HealthCheck",
        "gcp:compute/httpHealthCheck:HttpHealthCheck",
        "gcp:compute/instanceGroup:InstanceGroup",
        "gcp:compute/networkEndpointGroup:NetworkEndpointGroup",
        "gcp:compute/regionBackendService:RegionBackendService",
        "gcp:compute/regionHealthCheck:RegionHealthCheck",
        "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup",
        "gcp:compute/regionTargetHttpProxy:RegionTargetHttpProxy",
        "gcp:compute/regionTargetHttpsProxy:RegionTargetHttpsProxy",
        "gcp:compute/regionUrlMap:RegionUrlMap",
        "gcp:compute/sSLPolicy:SSLPolicy",
        "gcp:compute/targetHttpProxy:TargetHttpProxy",
        "gcp:compute/targetHttpsProxy:TargetHttpsProxy",
        "gcp:compute/targetPool:TargetPool",
        "gcp:compute/targetSSLProxy:TargetSSLProxy",
        "gcp:compute/targetTCPProxy:TargetTCPProxy",
        "gcp:compute/uRLMap:URLMap",
    ),
    **_types(
        CERTIFICATE,
        "gcp:certificatemanager/certificateMap:CertificateMap",
        "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry",
        "gcp:certificatemanager/dnsAuthorization:DnsAuthorization",
        "gcp:compute/managedSslCertificate:ManagedSslCertificate",
        "gcp:compute/sSLCertificate:SSLCertificate",
    ),
    **_types(
        WITH_GROUP,
        "gcp:compute/autoscaler:Autoscaler",
        "gcp:compute/diskResourcePolicyAttachment:DiskResourcePolicyAttachment",
        "gcp:compute/instanceTemplate:InstanceTemplate",
        "gcp:compute/projectMetadata:ProjectMetadata",
        "gcp:compute/projectMetadataItem:ProjectMetadataItem",
        "gcp:compute/regionAutoscaler:RegionAutoscaler",
        "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate",
        "gcp:compute/resourcePolicy:ResourcePolicy",
    ),
    # Monitoring and logging.
    "gcp:monitoring/alertPolicy:AlertPolicy": "free until September 2027; then 0.35 USD a metric reference a month",
    "gcp:monitoring/customService:CustomService": "services and their objectives are free",
    "gcp:monitoring/dashboard:Dashboard": "dashboards are free",
    "gcp:monitoring/notificationChannel:NotificationChannel": "channels are free; a topic's messages are billed there",
    "gcp:monitoring/slo:Slo": "services and their objectives are free",
    "gcp:logging/projectSink:ProjectSink": "sinks are free; their destinations bill what they are sent",
    "gcp:logging/folderSink:FolderSink": "sinks are free; their destinations bill what they are sent",
    "gcp:logging/organizationSink:OrganizationSink": "sinks are free; their destinations bill what they are sent",
    **_types(
        OBSERVED,
        "gcp:logging/logView:LogView",
        "gcp:logging/projectExclusion:ProjectExclusion",
        "gcp:monitoring/group:Group",
        "gcp:monitoring/metricDescriptor:MetricDescriptor",
    ),
    # Beside Google Cloud.
    **_types(NO_CLOUD, "archive:*", "command:*", "local:*", "null:*", "random:*", "std:*", "time:*", "tls:*"),
    **_types(
        IN_CLUSTER,
        "kubernetes:apps/*",
        "kubernetes:batch/*",
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:core/v1:Namespace",
        "kubernetes:core/v1:Pod",
        "kubernetes:core/v1:Secret",
        "kubernetes:core/v1:ServiceAccount",
        "kubernetes:rbac.authorization.k8s.io/*",
    ),
}


@cache
def why_free(type_: str) -> str | None:
    """The reason why a type is free; None for one that is not known to be."""
    return FREE.get(type_) or next((why for pattern, why in FREE.items() if fnmatchcase(type_, pattern)), None)
