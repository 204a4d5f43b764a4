"""What the exporters that everybody uses export: tables, as `exporter_series` reads them."""

from __future__ import annotations

from seatrial.plan.exporter_series import Exporter

_ACTIVITY = "server?,datname,state,usename?,application_name?,backend_type?,wait_event_type?,wait_event?"
_DATABASE = "server?,datid,datname"
_FILESYSTEM = "device,fstype,mountpoint,device_error?"
_CONTAINER = "container?,pod?,namespace?,name?,image?,id,cpu?,device?,interface?"
_QUEUE = "cluster?,vhost?,queue?,durable?,policy?,self?,node?"

EXPORTERS = (
    Exporter(
        "postgres_exporter",
        ("postgres-exporter", "postgres_exporter"),
        (9187,),
        ("postgres", "pgsql", "pg-exporter", "pg_exporter", "database", "db-exporter"),
        ("pg_",),
        f"""
gauge server? bool: pg_up pg_exporter_last_scrape_error pg_replication_is_replica
gauge {_DATABASE} count: pg_stat_database_numbackends
counter {_DATABASE} -: pg_stat_database_xact_commit pg_stat_database_xact_rollback pg_stat_database_blks_read \
pg_stat_database_blks_hit pg_stat_database_tup_returned pg_stat_database_tup_fetched pg_stat_database_tup_inserted \
pg_stat_database_tup_updated pg_stat_database_tup_deleted pg_stat_database_conflicts pg_stat_database_temp_files \
pg_stat_database_temp_bytes pg_stat_database_deadlocks pg_stat_database_blk_read_time pg_stat_database_blk_write_time
gauge {_ACTIVITY} count: pg_stat_activity_count
gauge {_ACTIVITY} seconds: pg_stat_activity_max_tx_duration
gauge server? count: pg_settings_max_connections pg_settings_superuser_reserved_connections pg_settings_max_wal_senders
gauge server? bytes: pg_settings_shared_buffers_bytes
gauge server?,datname bytes: pg_database_size_bytes
gauge server?,datname count: pg_database_connection_limit
gauge server?,datname,mode count: pg_locks_count
gauge server? seconds: pg_replication_lag pg_replication_lag_seconds
gauge server? seconds: pg_stat_archiver_last_archive_age
counter server? count: pg_stat_archiver_failed_count pg_stat_archiver_archived_count
gauge * bytes: pg_stat_replication_pg_wal_lsn_diff pg_replication_slots_pg_wal_lsn_diff
gauge server? time: pg_postmaster_start_time_seconds
""",
    ),
    Exporter(
        "redis_exporter",
        ("redis_exporter", "redis-exporter"),
        (9121,),
        ("redis",),
        (),
        """
gauge - bool: redis_up redis_aof_enabled redis_rdb_last_bgsave_status redis_aof_last_write_status \
redis_loading_dump_file
gauge - count: redis_connected_clients redis_blocked_clients redis_connected_slaves redis_config_maxclients \
redis_rdb_changes_since_last_save
gauge - bytes: redis_memory_used_bytes redis_memory_max_bytes redis_memory_used_rss_bytes redis_memory_used_peak_bytes
gauge - -: redis_mem_fragmentation_ratio
counter - count: redis_commands_processed_total redis_connections_received_total redis_rejected_connections_total \
redis_expired_keys_total redis_evicted_keys_total redis_keyspace_hits_total redis_keyspace_misses_total
counter - bytes: redis_net_input_bytes_total redis_net_output_bytes_total
gauge db count: redis_db_keys redis_db_keys_expiring
counter cmd count: redis_commands_total
counter cmd seconds: redis_commands_duration_seconds_total
gauge master_host,master_port bool: redis_master_link_up
gauge - seconds: redis_uptime_in_seconds
gauge - time: redis_rdb_last_save_timestamp_seconds redis_start_time_seconds
gauge * -: redis_instance_info
""",
    ),
    Exporter(
        "node_exporter",
        ("node-exporter", "node_exporter"),
        (9100,),
        ("node-exporter", "node_exporter", "nodeexporter"),
        ("node_",),
        f"""
counter cpu,mode seconds: node_cpu_seconds_total
gauge - bytes: node_memory_MemTotal_bytes node_memory_MemAvailable_bytes node_memory_MemFree_bytes \
node_memory_Buffers_bytes node_memory_Cached_bytes node_memory_SwapTotal_bytes \
node_memory_SwapFree_bytes node_memory_SReclaimable_bytes
gauge - count: node_load1 node_load5 node_load15 node_procs_running node_procs_blocked node_filefd_allocated \
node_filefd_maximum node_nf_conntrack_entries node_nf_conntrack_entries_limit
gauge {_FILESYSTEM} bytes: node_filesystem_avail_bytes node_filesystem_free_bytes node_filesystem_size_bytes
gauge {_FILESYSTEM} count: node_filesystem_files node_filesystem_files_free
gauge {_FILESYSTEM} bool: node_filesystem_readonly node_filesystem_device_error
counter device bytes: node_network_receive_bytes_total node_network_transmit_bytes_total node_disk_read_bytes_total \
node_disk_written_bytes_total
counter device count: node_network_receive_errs_total node_network_transmit_errs_total node_network_receive_drop_total \
node_disk_reads_completed_total node_disk_writes_completed_total
counter device seconds: node_disk_io_time_seconds_total node_disk_read_time_seconds_total \
node_disk_write_time_seconds_total
gauge - time: node_boot_time_seconds node_time_seconds
gauge - seconds: node_timex_offset_seconds
gauge - bool: node_timex_sync_status
""",
    ),
    Exporter(
        "RabbitMQ's plug-in rabbitmq_prometheus",
        ("rabbitmq",),
        (15692,),
        ("rabbit",),
        ("rabbitmq_",),
        f"""
gauge {_QUEUE} count: rabbitmq_queue_messages rabbitmq_queue_messages_ready rabbitmq_queue_messages_unacked \
rabbitmq_queue_consumers
gauge node?,cluster? count: rabbitmq_connections rabbitmq_channels rabbitmq_consumers rabbitmq_queues
gauge node?,cluster? bytes: rabbitmq_process_resident_memory_bytes rabbitmq_resident_memory_limit_bytes \
rabbitmq_disk_space_available_bytes rabbitmq_disk_space_available_limit_bytes
""",
    ),
    Exporter(
        "rabbitmq_exporter",
        ("rabbitmq-exporter", "rabbitmq_exporter"),
        (9419,),
        ("rabbit",),
        (),
        f"""
gauge * bool: rabbitmq_up
gauge {_QUEUE} count: rabbitmq_queue_messages_unacknowledged
gauge * count: rabbitmq_queue_messages_global rabbitmq_queue_messages_ready_global
gauge * bytes: rabbitmq_node_mem_used rabbitmq_node_mem_limit rabbitmq_node_disk_free
""",
    ),
    Exporter(
        "kube-state-metrics",
        ("kube-state-metrics",),
        (),
        ("kube-state", "kube_state", "ksm"),
        ("kube_",),
        """
counter container,namespace,pod,uid? count: kube_pod_container_status_restarts_total
gauge container,namespace,pod,uid? bool: kube_pod_container_status_ready kube_pod_container_status_running
gauge container,namespace,pod,uid?,reason bool: kube_pod_container_status_waiting_reason \
kube_pod_container_status_last_terminated_reason kube_pod_container_status_terminated_reason
gauge namespace,pod,uid?,phase bool: kube_pod_status_phase
gauge namespace,pod,uid?,condition bool: kube_pod_status_ready
gauge namespace,deployment count: kube_deployment_spec_replicas kube_deployment_status_replicas_available \
kube_deployment_status_replicas kube_deployment_status_replicas_unavailable kube_deployment_status_replicas_ready
gauge namespace,statefulset count: kube_statefulset_replicas kube_statefulset_status_replicas_ready
gauge node,condition,status bool: kube_node_status_condition
gauge namespace,cronjob time: kube_cronjob_status_last_successful_time kube_cronjob_status_last_schedule_time
gauge namespace,job_name count: kube_job_status_succeeded
gauge namespace,job_name,reason? count: kube_job_status_failed
gauge * -: kube_pod_info kube_pod_container_resource_limits kube_pod_container_resource_requests
""",
    ),
    Exporter(
        "cAdvisor",
        ("cadvisor",),
        (),
        ("cadvisor",),
        ("container_",),
        f"""
counter {_CONTAINER} seconds: container_cpu_usage_seconds_total container_cpu_cfs_throttled_seconds_total
gauge {_CONTAINER} bytes: container_memory_usage_bytes container_memory_working_set_bytes container_memory_rss \
container_spec_memory_limit_bytes container_fs_usage_bytes container_fs_limit_bytes
gauge {_CONTAINER} time: container_last_seen container_start_time_seconds
""",
    ),
    Exporter(
        "blackbox_exporter",
        ("blackbox-exporter", "blackbox_exporter"),
        (9115,),
        ("blackbox", "probe"),
        ("probe_",),
        """
gauge - bool: probe_success
gauge - seconds: probe_duration_seconds
gauge - count: probe_http_status_code
gauge - time: probe_ssl_earliest_cert_expiry
""",
    ),
    Exporter(
        "elasticsearch_exporter",
        ("elasticsearch-exporter", "elasticsearch_exporter"),
        (9114,),
        ("elasticsearch", "elastic"),
        ("elasticsearch_",),
        """
gauge cluster,color bool: elasticsearch_cluster_health_status
""",
    ),
    Exporter(
        "nginx exporter",
        ("nginx-prometheus-exporter", "nginx-exporter", "nginx-vts-exporter"),
        (9113,),
        ("nginx",),
        (),
        """
gauge - bool: nginx_up
counter - count: nginx_http_requests_total nginx_connections_accepted nginx_connections_handled
gauge - count: nginx_connections_active nginx_connections_waiting
""",
    ),
    Exporter("Prometheus", ("prometheus",), (9090,), ("prometheus",), (), "gauge * -: prometheus_build_info"),
    Exporter("Alertmanager", ("alertmanager",), (9093,), ("alertmanager",), (), "gauge * -: alertmanager_build_info"),
)

# Names that were exported once, or that are often written but were never exported.
GONE = {
    "node_cpu": "node_cpu_seconds_total", "node_memory_MemFree": "node_memory_MemFree_bytes",
    "node_memory_MemTotal": "node_memory_MemTotal_bytes", "node_memory_MemAvailable": "node_memory_MemAvailable_bytes",
    "node_memory_Cached": "node_memory_Cached_bytes", "node_memory_Buffers": "node_memory_Buffers_bytes",
    "node_filesystem_free": "node_filesystem_free_bytes", "node_filesystem_avail": "node_filesystem_avail_bytes",
    "node_filesystem_size": "node_filesystem_size_bytes", "node_boot_time": "node_boot_time_seconds",
    "node_filesystem_available_bytes": "node_filesystem_avail_bytes",
    "node_filesystem_total_bytes": "node_filesystem_size_bytes",
    "node_memory_available_bytes": "node_memory_MemAvailable_bytes",
    "node_memory_total_bytes": "node_memory_MemTotal_bytes",
}  # fmt: skip
# What kubelet exports under a prefix of node_exporter.
OF_KUBELET = frozenset({"node_cpu_usage_seconds_total", "node_memory_working_set_bytes", "node_swap_usage_bytes"})
BY_PROMETHEUS = ("up", "ALERTS", "ALERTS_FOR_STATE", "scrape_duration_seconds", "scrape_samples_scraped",
                 "scrape_samples_post_metric_relabeling", "scrape_series_added")  # fmt: skip
# Exported by every client library; by the application's middleware.
OF_CLIENTS = ("process_", "python_", "go_", "promhttp_")
# What prometheus-fastapi-instrumentator exports where nothing else is asked for, and the bounds of its last buckets.
INSTRUMENTATOR = """
counter method,status,handler count: http_requests_total
histogram method,handler seconds: http_request_duration_seconds
histogram - seconds: http_request_duration_highr_seconds
counter handler bytes: http_request_size_bytes_sum http_response_size_bytes_sum
counter handler count: http_request_size_bytes_count http_response_size_bytes_count
"""
INSTRUMENTATOR_TOPS = {"http_request_duration_seconds": 1.0, "http_request_duration_highr_seconds": 60.0}
