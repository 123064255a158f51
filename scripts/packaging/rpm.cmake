# The .rpm packages of the portable program (scripts/portable): it needs nothing but glibc 2.28, so they serve
# Oracle Linux, RHEL, Fedora and SUSE.
set(CPACK_RPM_COMPONENT_INSTALL ON)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_RELEASE 1)
set(CPACK_RPM_PACKAGE_ARCHITECTURE ${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_RPM_PACKAGE_VENDOR "The ohip-poll authors")
set(CPACK_RPM_PACKAGE_LICENSE "MIT AND Apache-2.0 AND curl AND BSD-2-Clause AND BSD-3-Clause AND Zlib")
set(CPACK_RPM_POLL_PACKAGE_NAME ohip-poll)
set(CPACK_RPM_POLL_PACKAGE_SUMMARY "Oracle hotel business events to Kafka, without losing any")
set(CPACK_RPM_POLL_PACKAGE_DESCRIPTION ${CPACK_DEBIAN_POLL_DESCRIPTION})
set(CPACK_RPM_SIM_PACKAGE_NAME ohip-poll-sim)
set(CPACK_RPM_SIM_PACKAGE_SUMMARY "A simulated OHIP and a Kafka to try ohip-poll with")
set(CPACK_RPM_SIM_PACKAGE_DESCRIPTION ${CPACK_DEBIAN_SIM_DESCRIPTION})
set(CPACK_RPM_SIM_PACKAGE_REQUIRES "glibc >= 2.28")
# rpmbuild would look for what the program needs with this machine's tools, and list libc's symbols.
set(CPACK_RPM_PACKAGE_AUTOREQ OFF)
set(CPACK_RPM_PACKAGE_AUTOPROV OFF)
set(CPACK_RPM_POLL_PACKAGE_REQUIRES "glibc >= 2.28, ca-certificates")
# gzip is what every rpm reads. The program is stripped when it is linked, for its own machine.
set(CPACK_RPM_COMPRESSION_TYPE gzip)
set(CPACK_RPM_SPEC_MORE_DEFINE "%define __os_install_post %{nil}
%define _build_id_links none
%define _buildhost ohip-poll
%define use_source_date_epoch_as_buildtime 1
%define clamp_mtime_to_source_date_epoch 1")
set(CPACK_RPM_POLL_USER_FILELIST "%dir /etc/ohip-poll" "%config(noreplace) %attr(0640, root, root) /etc/ohip-poll/ohip-poll.env")
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
  /etc /etc/ohip-poll /usr/lib/systemd /usr/lib/systemd/system /lib/systemd /lib/systemd/system
  /usr/share/bash-completion /usr/share/bash-completion/completions /usr/share/fish
  /usr/share/fish/vendor_completions.d /usr/share/zsh /usr/share/zsh/site-functions)
set(FOR_GOOD 0)
configure_file(postrm.in rpm-postun @ONLY)
set(CPACK_RPM_POLL_POST_INSTALL_SCRIPT_FILE ${CMAKE_CURRENT_SOURCE_DIR}/rpm-post)
set(CPACK_RPM_POLL_PRE_UNINSTALL_SCRIPT_FILE ${CMAKE_CURRENT_SOURCE_DIR}/rpm-preun)
set(CPACK_RPM_POLL_POST_UNINSTALL_SCRIPT_FILE ${CMAKE_CURRENT_BINARY_DIR}/rpm-postun)
