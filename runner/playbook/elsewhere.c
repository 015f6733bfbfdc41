// Names of modules that Ansible has: those of ansible-core, and the short names it forwards to the collections that
// playbooks use most. What is on no list of ours but here is no misspelling, it is only not supported yet.
#include "parse.h"

static const char names[] =
    "_include acl acme_account acme_account_facts acme_account_info acme_certificate acme_certificate_revoke "
    "acme_challenge_cert_helper acme_inspect add_host aerospike_migrations airbrake_deployment aix_devices "
    "aix_filesystem aix_inittab aix_lvg aix_lvol ali_instance ali_instance_facts ali_instance_info alternatives "
    "apache2_mod_proxy apache2_module apk apt apt_key apt_repo apt_repository apt_rpm archive assemble assert "
    "async_status async_status.ps1 async_wrapper at atomic_container atomic_host atomic_image authorized_key "
    "awall aws_acm aws_acm_facts aws_acm_info aws_api_gateway aws_application_scaling_policy aws_az_facts "
    "aws_az_info aws_batch_compute_environment aws_batch_job_definition aws_batch_job_queue aws_caller_facts "
    "aws_caller_info aws_codebuild aws_codecommit aws_codepipeline aws_config_aggregation_authorization "
    "aws_config_aggregator aws_config_delivery_channel aws_config_recorder aws_config_rule "
    "aws_direct_connect_connection aws_direct_connect_gateway aws_direct_connect_link_aggregation_group "
    "aws_direct_connect_virtual_interface aws_eks_cluster aws_elasticbeanstalk_app aws_glue_connection "
    "aws_glue_job aws_inspector_target aws_kms aws_kms_facts aws_kms_info aws_region_facts aws_region_info "
    "aws_s3 aws_s3_bucket_facts aws_s3_bucket_info aws_s3_cors aws_secret aws_ses_identity "
    "aws_ses_identity_policy aws_ses_rule_set aws_sgw_facts aws_sgw_info aws_ssm_parameter_store "
    "aws_step_functions_state_machine aws_step_functions_state_machine_execution aws_waf_condition aws_waf_facts "
    "aws_waf_info aws_waf_rule aws_waf_web_acl beadm bearychat bigpanda bitbucket_access_key "
    "bitbucket_pipeline_key_pair bitbucket_pipeline_known_host bitbucket_pipeline_variable blockinfile bower "
    "bundler bzr campfire capabilities catapult certificate_complete_chain circonus_annotation cisco_spark "
    "clc_aa_policy clc_alert_policy clc_blueprint_package clc_firewall_policy clc_group clc_loadbalancer "
    "clc_modify_server clc_publicip clc_server clc_server_snapshot cli_command cli_config cloud_init_data_facts "
    "cloudflare_dns cloudformation cloudformation_exports_info cloudformation_facts cloudformation_info "
    "cloudformation_stack_set cloudfront_distribution cloudfront_facts cloudfront_info cloudfront_invalidation "
    "cloudfront_origin_access_identity cloudtrail cloudwatchevent_rule cloudwatchlogs_log_group "
    "cloudwatchlogs_log_group_facts cloudwatchlogs_log_group_info cloudwatchlogs_log_group_metric_filter "
    "cobbler_sync cobbler_system command composer consul consul_acl consul_kv consul_session copy cpanm cron "
    "cronvar crypttab data_pipeline datadog_event datadog_monitor dconf deb822_repository debconf debug "
    "deploy_helper digital_ocean digital_ocean_account_facts digital_ocean_account_info "
    "digital_ocean_block_storage digital_ocean_certificate digital_ocean_certificate_facts "
    "digital_ocean_certificate_info digital_ocean_domain digital_ocean_domain_facts digital_ocean_domain_info "
    "digital_ocean_droplet digital_ocean_firewall_facts digital_ocean_firewall_info digital_ocean_floating_ip "
    "digital_ocean_floating_ip_facts digital_ocean_floating_ip_info digital_ocean_image_facts "
    "digital_ocean_image_info digital_ocean_load_balancer_facts digital_ocean_load_balancer_info "
    "digital_ocean_region_facts digital_ocean_region_info digital_ocean_size_facts digital_ocean_size_info "
    "digital_ocean_snapshot_facts digital_ocean_snapshot_info digital_ocean_sshkey digital_ocean_sshkey_facts "
    "digital_ocean_sshkey_info digital_ocean_tag digital_ocean_tag_facts digital_ocean_tag_info "
    "digital_ocean_volume_facts digital_ocean_volume_info dimensiondata_network dimensiondata_vlan django_manage "
    "dms_endpoint dms_replication_subnet_group dnf dnf5 dnsimple dnsmadeeasy docker_compose docker_config "
    "docker_container docker_container_info docker_host_info docker_image docker_image_facts docker_image_info "
    "docker_login docker_network docker_network_info docker_node docker_node_info docker_prune docker_secret "
    "docker_service docker_stack docker_swarm docker_swarm_info docker_swarm_service docker_swarm_service_info "
    "docker_volume docker_volume_info dpkg_selections dynamodb_table dynamodb_ttl easy_install ec2 ec2_ami "
    "ec2_ami_copy ec2_ami_facts ec2_ami_info ec2_asg ec2_asg_facts ec2_asg_info ec2_asg_lifecycle_hook "
    "ec2_customer_gateway ec2_customer_gateway_facts ec2_customer_gateway_info ec2_eip ec2_eip_facts "
    "ec2_eip_info ec2_elb ec2_elb_facts ec2_elb_info ec2_elb_lb ec2_eni ec2_eni_facts ec2_eni_info ec2_group "
    "ec2_group_facts ec2_group_info ec2_instance ec2_instance_facts ec2_instance_info ec2_key "
    "ec2_launch_template ec2_lc ec2_lc_facts ec2_lc_find ec2_lc_info ec2_metadata_facts ec2_metric_alarm "
    "ec2_placement_group ec2_placement_group_facts ec2_placement_group_info ec2_scaling_policy ec2_snapshot "
    "ec2_snapshot_copy ec2_snapshot_facts ec2_snapshot_info ec2_tag ec2_tag_info ec2_transit_gateway "
    "ec2_transit_gateway_info ec2_vol ec2_vol_facts ec2_vol_info ec2_vpc_dhcp_option ec2_vpc_dhcp_option_facts "
    "ec2_vpc_dhcp_option_info ec2_vpc_egress_igw ec2_vpc_endpoint ec2_vpc_endpoint_facts ec2_vpc_endpoint_info "
    "ec2_vpc_igw ec2_vpc_igw_facts ec2_vpc_igw_info ec2_vpc_nacl ec2_vpc_nacl_facts ec2_vpc_nacl_info "
    "ec2_vpc_nat_gateway ec2_vpc_nat_gateway_facts ec2_vpc_nat_gateway_info ec2_vpc_net ec2_vpc_net_facts "
    "ec2_vpc_net_info ec2_vpc_peer ec2_vpc_peering_facts ec2_vpc_peering_info ec2_vpc_route_table "
    "ec2_vpc_route_table_facts ec2_vpc_route_table_info ec2_vpc_subnet ec2_vpc_subnet_facts ec2_vpc_subnet_info "
    "ec2_vpc_vgw ec2_vpc_vgw_facts ec2_vpc_vgw_info ec2_vpc_vpn ec2_vpc_vpn_facts ec2_vpc_vpn_info "
    "ec2_win_password ecs_attribute ecs_certificate ecs_cluster ecs_domain ecs_ecr ecs_service ecs_service_facts "
    "ecs_service_info ecs_tag ecs_task ecs_taskdefinition ecs_taskdefinition_facts ecs_taskdefinition_info efs "
    "efs_facts efs_info ejabberd_user elasticache elasticache_facts elasticache_info elasticache_parameter_group "
    "elasticache_snapshot elasticache_subnet_group elasticsearch_plugin elb_application_lb "
    "elb_application_lb_facts elb_application_lb_info elb_classic_lb elb_classic_lb_facts elb_classic_lb_info "
    "elb_instance elb_network_lb elb_target elb_target_facts elb_target_group elb_target_group_facts "
    "elb_target_group_info elb_target_info emc_vnx_sg_member etcd3 execute_lambda expect facter fail fetch file "
    "filesystem find firewalld flatpak flatpak_remote flowdock foreman gather_facts gcdns_record gcdns_zone gce "
    "gconftool2 gcp_backend_service gcp_forwarding_rule gcp_healthcheck gcp_target_proxy gcp_url_map "
    "gcpubsub_facts gcspanner gem get_certificate get_url getent git git_config github_deploy_key github_hooks "
    "github_issue github_key github_release github_webhook github_webhook_facts github_webhook_info "
    "gitlab_deploy_key gitlab_group gitlab_hook gitlab_hooks gitlab_project gitlab_project_variable "
    "gitlab_runner gitlab_user grafana_dashboard grafana_datasource grafana_plugin group group_by grove gunicorn "
    "haproxy helm heroku_collaborator hg hipchat homebrew homebrew_cask homebrew_tap honeybadger_deployment "
    "hostname hpilo_boot hpilo_facts hpilo_info hponcfg htpasswd hwc_ecs_instance hwc_evs_disk hwc_network_vpc "
    "hwc_smn_topic hwc_vpc_eip hwc_vpc_peering_connect hwc_vpc_port hwc_vpc_private_ip hwc_vpc_route "
    "hwc_vpc_security_group hwc_vpc_security_group_rule hwc_vpc_subnet iam iam_cert iam_cert_facts iam_group "
    "iam_managed_policy iam_mfa_device_facts iam_mfa_device_info iam_password_policy iam_policy iam_policy_info "
    "iam_role iam_role_facts iam_role_info iam_saml_federation iam_server_certificate_facts "
    "iam_server_certificate_info iam_user iam_user_info ibm_sa_domain ibm_sa_host ibm_sa_host_ports ibm_sa_pool "
    "ibm_sa_vol ibm_sa_vol_map icinga2_feature icinga2_host idrac_redfish_command idrac_redfish_config "
    "idrac_redfish_facts idrac_redfish_info imc_rest imgadm import_role import_tasks include "
    "include_role include_tasks include_vars infinity influxdb_database influxdb_query influxdb_retention_policy "
    "influxdb_user influxdb_write ini_file installp interfaces_file ip_netns ipa_config ipa_dnsrecord "
    "ipa_dnszone ipa_group ipa_hbacrule ipa_host ipa_hostgroup ipa_role ipa_service ipa_subca ipa_sudocmd "
    "ipa_sudocmdgroup ipa_sudorule ipa_user ipa_vault ipify_facts ipinfoio_facts ipmi_boot ipmi_power iptables "
    "ipwcli_dns irc iso_extract jabber java_cert java_keystore jboss jenkins_job jenkins_job_facts "
    "jenkins_job_info jenkins_plugin jenkins_script jira k8s k8s_auth k8s_facts k8s_info k8s_raw k8s_scale "
    "k8s_service katello kernel_blacklist keycloak_client keycloak_clienttemplate keycloak_group kibana_plugin "
    "kinesis_stream known_hosts lambda lambda_alias lambda_event lambda_facts lambda_info lambda_policy layman "
    "lbu ldap_attr ldap_attrs ldap_entry ldap_passwd librato_annotation lightsail lineinfile linode linode_v4 "
    "listen_ports_facts lldp locale_gen logentries logentries_msg logicmonitor logicmonitor_facts "
    "logstash_plugin luks_device lvg lvol lxc_container lxca_cmms lxca_nodes lxd_container lxd_profile macports "
    "mail make manageiq_alert_profiles manageiq_alerts manageiq_group manageiq_policies manageiq_provider "
    "manageiq_tags manageiq_tenant manageiq_user mas matrix mattermost maven_artifact memset_dns_reload "
    "memset_memstore_facts memset_memstore_info memset_server_facts memset_server_info memset_zone "
    "memset_zone_domain memset_zone_record meta mksysb modprobe mongodb_info mongodb_parameter "
    "mongodb_replicaset mongodb_shard mongodb_user monit mount mount_facts mqtt mssql_db mysql_db mysql_info "
    "mysql_query mysql_replication mysql_user mysql_variables na_cdot_aggregate na_cdot_license na_cdot_lun "
    "na_cdot_qtree na_cdot_svm na_cdot_user na_cdot_user_role na_cdot_volume na_ontap_gather_facts nagios "
    "net_banner net_get net_interface net_l2_interface net_l3_interface net_linkagg net_lldp net_lldp_interface "
    "net_logging net_ping net_put net_static_route net_system net_user net_vlan net_vrf netconf_config "
    "netconf_get netconf_rpc netcup_dns newrelic_deployment nexmo nginx_status_facts nginx_status_info nictagadm "
    "nios_a_record nios_aaaa_record nios_cname_record nios_dns_view nios_fixed_address nios_host_record "
    "nios_member nios_mx_record nios_naptr_record nios_network nios_network_view nios_nsgroup nios_ptr_record "
    "nios_srv_record nios_txt_record nios_zone nmcli nosh npm nsupdate oci_vcn office_365_connector_card ohai "
    "omapi_host one_host one_image one_image_facts one_image_info one_service one_vm oneandone_firewall_policy "
    "oneandone_load_balancer oneandone_monitoring_policy oneandone_private_network oneandone_public_ip "
    "oneandone_server onepassword_facts onepassword_info oneview_datacenter_facts oneview_datacenter_info "
    "oneview_enclosure_facts oneview_enclosure_info oneview_ethernet_network oneview_ethernet_network_facts "
    "oneview_ethernet_network_info oneview_fc_network oneview_fc_network_facts oneview_fc_network_info "
    "oneview_fcoe_network oneview_fcoe_network_facts oneview_fcoe_network_info "
    "oneview_logical_interconnect_group oneview_logical_interconnect_group_facts "
    "oneview_logical_interconnect_group_info oneview_network_set oneview_network_set_facts "
    "oneview_network_set_info oneview_san_manager oneview_san_manager_facts oneview_san_manager_info "
    "online_server_facts online_server_info online_user_facts online_user_info open_iscsi openbsd_pkg "
    "opendj_backendprop openshift_raw openshift_scale openssh_cert openssh_keypair openssl_certificate "
    "openssl_certificate_info openssl_csr openssl_csr_info openssl_dhparam openssl_pkcs12 openssl_privatekey "
    "openssl_privatekey_info openssl_publickey openwrt_init opkg os_auth os_client_config os_coe_cluster "
    "os_coe_cluster_template os_flavor_facts os_flavor_info os_floating_ip os_group os_group_info os_image "
    "os_image_facts os_image_info os_ironic os_ironic_inspect os_ironic_node os_keypair os_keystone_domain "
    "os_keystone_domain_facts os_keystone_domain_info os_keystone_endpoint os_keystone_role os_keystone_service "
    "os_listener os_loadbalancer os_member os_network os_networks_facts os_networks_info os_nova_flavor "
    "os_nova_host_aggregate os_object os_pool os_port os_port_facts os_port_info os_project os_project_access "
    "os_project_facts os_project_info os_quota os_recordset os_router os_security_group os_security_group_rule "
    "os_server os_server_action os_server_facts os_server_group os_server_info os_server_metadata "
    "os_server_volume os_stack os_subnet os_subnets_facts os_subnets_info os_user os_user_facts os_user_group "
    "os_user_info os_user_role os_volume os_volume_snapshot os_zone osx_defaults osx_say ovh_ip_failover "
    "ovh_ip_loadbalancing_backend ovh_monthly_billing ovirt ovirt_affinity_label_facts ovirt_api_facts "
    "ovirt_cluster_facts ovirt_datacenter_facts ovirt_disk_facts ovirt_event_facts ovirt_external_provider_facts "
    "ovirt_group_facts ovirt_host_facts ovirt_host_storage_facts ovirt_network_facts ovirt_nic_facts "
    "ovirt_permission_facts ovirt_quota_facts ovirt_scheduling_policy_facts ovirt_snapshot_facts "
    "ovirt_storage_domain_facts ovirt_storage_template_facts ovirt_storage_vm_facts ovirt_tag_facts "
    "ovirt_template_facts ovirt_user_facts ovirt_vm_facts ovirt_vmpool_facts pacemaker_cluster package "
    "package_facts packet_device packet_ip_subnet packet_project packet_sshkey packet_volume "
    "packet_volume_attachment pacman pagerduty pagerduty_alert pam_limits pamd parted patch pause pear pids ping "
    "pingdom pip pip_package_info pkg5 pkg5_publisher pkgin pkgng pkgutil podman_container_info podman_image "
    "podman_image_info podman_volume_info portage portinstall postgresql_copy postgresql_db postgresql_ext "
    "postgresql_idx postgresql_info postgresql_lang postgresql_membership postgresql_owner postgresql_pg_hba "
    "postgresql_ping postgresql_privs postgresql_publication postgresql_query postgresql_schema "
    "postgresql_sequence postgresql_set postgresql_slot postgresql_subscription postgresql_table "
    "postgresql_tablespace postgresql_user postgresql_user_obj_stat_info profitbricks profitbricks_datacenter "
    "profitbricks_nic profitbricks_volume profitbricks_volume_attachments proxmox proxmox_kvm proxmox_template "
    "proxysql_backend_servers proxysql_global_variables proxysql_manage_config proxysql_mysql_users "
    "proxysql_query_rules proxysql_replication_hostgroups proxysql_scheduler psexec pubnub_blocks pulp_repo "
    "puppet purefa_facts purefb_facts pushbullet pushover python_requirements_facts python_requirements_info "
    "rabbitmq_binding rabbitmq_exchange rabbitmq_global_parameter rabbitmq_parameter rabbitmq_plugin "
    "rabbitmq_policy rabbitmq_publish rabbitmq_queue rabbitmq_user rabbitmq_vhost rabbitmq_vhost_limits raw rax "
    "rax_cbs rax_cbs_attachments rax_cdb rax_cdb_database rax_cdb_user rax_clb rax_clb_nodes rax_clb_ssl rax_dns "
    "rax_dns_record rax_facts rax_files rax_files_objects rax_identity rax_keypair rax_meta rax_mon_alarm "
    "rax_mon_check rax_mon_entity rax_mon_notification rax_mon_notification_plan rax_network rax_queue "
    "rax_scaling_group rax_scaling_policy rds rds_instance rds_instance_facts rds_instance_info rds_param_group "
    "rds_snapshot rds_snapshot_facts rds_snapshot_info rds_subnet_group read_csv reboot redfish_command "
    "redfish_config redfish_facts redfish_info redhat_subscription redis redshift "
    "redshift_cross_region_snapshots redshift_facts redshift_info redshift_subnet_group replace restconf_config "
    "restconf_get rhevm rhn_channel rhn_register rhsm_release rhsm_repository riak rocketchat rollbar_deployment "
    "route53 route53_facts route53_health_check route53_info route53_zone rpm_key rundeck_acl_policy "
    "rundeck_project runit s3_bucket s3_bucket_notification s3_lifecycle s3_logging s3_sync s3_website say "
    "scaleway_compute scaleway_image_facts scaleway_image_info scaleway_ip scaleway_ip_facts scaleway_ip_info "
    "scaleway_lb scaleway_organization_facts scaleway_organization_info scaleway_security_group "
    "scaleway_security_group_facts scaleway_security_group_info scaleway_security_group_rule "
    "scaleway_server_facts scaleway_server_info scaleway_snapshot_facts scaleway_snapshot_info scaleway_sshkey "
    "scaleway_user_data scaleway_volume scaleway_volume_facts scaleway_volume_info script seboolean sefcontext "
    "selinux selinux_permissive selogin sendgrid sensu_check sensu_client sensu_handler sensu_silence "
    "sensu_subscription seport serverless service service_facts set_fact set_stats setup setup.ps1 "
    "sf_account_manager sf_check_connections sf_snapshot_schedule_manager sf_volume_access_group_manager "
    "sf_volume_manager shell sl_vm slack slackpkg slurp slurp.ps1 smartos_image_facts smartos_image_info snap "
    "snmp_facts sns sns_topic solaris_zone sorcery spectrum_device spotinst_aws_elastigroup sqs_queue "
    "ss_3par_cpg stackdriver stacki_host stat statusio_maintenance sts_assume_role sts_session_token subversion "
    "supervisorctl svc svr4pkg swdepot swupd synchronize sysctl syslogger syspatch systemd systemd_service "
    "sysvinit taiga_issue telegram telnet tempfile template terraform timezone twilio typetalk udm_dns_record "
    "udm_dns_zone udm_group udm_share udm_user ufw unarchive uptimerobot uri urpmi user utm_aaa_group "
    "utm_aaa_group_info utm_ca_host_key_cert utm_ca_host_key_cert_info utm_dns_host "
    "utm_network_interface_address utm_network_interface_address_info utm_proxy_auth_profile utm_proxy_exception "
    "utm_proxy_frontend utm_proxy_frontend_info utm_proxy_location utm_proxy_location_info "
    "validate_argument_spec vdo vertica_configuration vertica_facts vertica_info vertica_role vertica_schema "
    "vertica_user vexata_eg vexata_volume virt virt_net virt_pool vmadm wait_for wait_for_connection wakeonlan "
    "webfaction_app webfaction_db webfaction_domain webfaction_mailbox webfaction_site win_acl "
    "win_acl_inheritance win_audit_policy_system win_audit_rule win_certificate_store win_chocolatey "
    "win_chocolatey_config win_chocolatey_facts win_chocolatey_feature win_chocolatey_source win_command "
    "win_copy win_credential win_defrag win_disk_facts win_disk_image win_dns_client win_dns_record win_domain "
    "win_domain_computer win_domain_controller win_domain_group win_domain_group_membership "
    "win_domain_membership win_domain_user win_dotnet_ngen win_dsc win_environment win_eventlog "
    "win_eventlog_entry win_feature win_file win_file_version win_find win_firewall win_firewall_rule win_format "
    "win_get_url win_group win_group_membership win_hostname win_hosts win_hotfix win_http_proxy "
    "win_iis_virtualdirectory win_iis_webapplication win_iis_webapppool win_iis_webbinding win_iis_website "
    "win_inet_proxy win_initialize_disk win_lineinfile win_mapped_drive win_msg win_netbios win_nssm "
    "win_optional_feature win_owner win_package win_pagefile win_partition win_path win_pester win_ping "
    "win_power_plan win_product_facts win_psexec win_psmodule win_psrepository win_rabbitmq_plugin win_rds_cap "
    "win_rds_rap win_rds_settings win_reboot win_reg_stat win_regedit win_region win_regmerge win_robocopy "
    "win_route win_say win_scheduled_task win_scheduled_task_stat win_security_policy win_service win_share "
    "win_shell win_shortcut win_snmp win_stat win_tempfile win_template win_timezone win_toast win_unzip "
    "win_updates win_uri win_user win_user_profile win_user_right win_wait_for win_wait_for_process "
    "win_wakeonlan win_webpicmd win_whoami win_xml x509_crl x509_crl_info xattr xbps xenserver_facts "
    "xenserver_guest xenserver_guest_facts xenserver_guest_info xenserver_guest_powerstate xfconf xfs_quota xml "
    "yarn yum yum_repository zabbix_action zabbix_group zabbix_group_facts zabbix_group_info zabbix_host "
    "zabbix_host_events_info zabbix_host_facts zabbix_host_info zabbix_hostmacro zabbix_maintenance zabbix_map "
    "zabbix_mediatype zabbix_proxy zabbix_screen zabbix_service zabbix_template zabbix_template_info zabbix_user "
    "zabbix_user_info zabbix_valuemap zfs zfs_delegate_admin zfs_facts znode zpool_facts zypper "
    "zypper_repository ";

static bool listed(struct str name) {
    struct str rest = str_from(names);
    struct str word;
    while (str_next(&rest, ' ', &word)) {
        if (str_eq(word, name)) {
            return true;
        }
    }
    return false;
}

/// A module in Python or PowerShell that the project ships in one of its library directories.
static bool shipped(const struct ctx *c, struct str base) {
    static const char *const suffixes[] = {".py", ".ps1", ""};
    struct str role = c->role ? c->role->path : STR_NONE;
    struct str book = c->play && c->play->book ? pb_dirname(c->play->book->file) : STR_NONE;
    struct str dirs[] = {role, book, STR_LIT(".")};
    for (size_t i = 0; i < COUNTOF(dirs); i++) {
        for (size_t k = 0; dirs[i].n && k < COUNTOF(suffixes); k++) {
            struct str path = str_printf(c->l->a, "%.*s/library/%.*s%s", STR(dirs[i]), STR(base), suffixes[k]);
            if (path_is_file(c->l->a, path)) {
                return true;
            }
        }
    }
    return false;
}

struct str collection_of(struct str name) {
    size_t first = str_find_char(name, 0, '.');
    size_t second = first == SIZE_MAX ? first : str_find_char(name, first + 1, '.');
    return second == SIZE_MAX ? STR_NONE : str_sub(name, 0, second);
}

static bool is_of(const struct module *m, struct str coll) {
    return m && m->spec && str_eq(collection_of(str_from(m->spec)), coll);
}

enum collection_state collection_state(const struct ctx *c, struct str coll) {
    struct str dir = c->play && c->play->book ? pb_dirname(c->play->book->file) : STR_LIT(".");
    if (c->l->o.runtime && c->l->o.runtime(c->l->o.find_self, coll, dir).kind != VAL_UNDEF) {
        return COLLECTION_ON_DISK;
    }
    bool built_in = false;
    for (size_t i = 0; i < module_count && !built_in; i++) {
        built_in = is_of(module_table[i].it, coll);
    }
    for (const struct module_lua *m = module_lua_table; m->name && !built_in; m++) {
        built_in = is_of(module_find(str_from(m->name)), coll);
    }
    return built_in ? COLLECTION_BUILT_IN : COLLECTION_UNKNOWN;
}

bool module_elsewhere(const struct ctx *c, struct str name, struct str base) {
    if (str_find_char(base, 0, '/') != SIZE_MAX) {
        return false;
    }
    struct str coll = collection_of(base);
    if (coll.n) {  // what is on disk was looked at, what is not there may be in collections that are partly built in
        return collection_state(c, coll) == COLLECTION_BUILT_IN;
    }
    return listed(base) || (base.n == name.n && shipped(c, base));
}
