"""Declarations of the library's exported C functions; a missing function raises ``MissingSymbol``."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

from pjsua2 import _pjsua2

__all__ = ["PROTOTYPES", "Exported", "MissingSymbol", "Pointer", "exported", "missing_functions"]

Pointer = ctypes.c_void_p
"""A pointer to any structure; accepts ``byref``, arrays, bytes and callbacks."""
P, INT, UINT, SIZE, NONE = Pointer, ctypes.c_int, ctypes.c_uint, ctypes.c_size_t, None
TEXT, SIGNED_SIZE, LONG, INT32 = ctypes.c_char_p, ctypes.c_ssize_t, ctypes.c_long, ctypes.c_int32

PROTOTYPES: dict[str, tuple[Any, ...]] = {
    # pjlib
    "pj_activesock_get_user_data": (P, P),
    "pj_activesock_send": (INT, P, P, P, P, UINT),
    "pj_dump_config": (NONE,),
    "pj_inet_aton": (INT, P, P),
    "pj_inet_pton": (INT, INT, P, P),
    "pj_ioqueue_create2": (INT, P, SIZE, P, P),
    "pj_ioqueue_name": (TEXT,),
    "pj_ioqueue_recv": (INT, P, P, P, P, UINT),
    "pj_ioqueue_register_sock2": (INT, P, P, LONG, P, P, P, P),
    "pj_ioqueue_unregister": (INT, P),
    "pj_list_erase": (NONE, P),
    "pj_list_insert_before": (NONE, P, P),
    "pj_log_get_level": (INT,),
    "pj_log_get_log_func": (P,),
    "pj_log_set_log_func": (NONE, P),
    "pj_sockaddr_in_set_str_addr": (INT, P, P),
    "pj_ssl_cipher_get_availables": (INT, P, P),
    "pj_ssl_sock_get_user_data": (P, P),
    "pj_ssl_sock_send": (INT, P, P, P, P, UINT),
    # pjlib-util, pjnath
    "pj_dns_resolver_set_ns": (INT, P, UINT, P, P),
    "pj_stun_sock_sendto": (INT, P, P, P, UINT, UINT, P, UINT),
    "pj_turn_session_on_rx_pkt": (INT, P, P, SIZE, P),
    # pjmedia
    "pjmedia_endpt_create_base_sdp": (INT, P, P, P, P, P),
    "pjmedia_endpt_get_ioqueue": (P, P),
    "pjmedia_endpt_set_flag": (INT, P, INT, P),
    "pjmedia_rtp_decode_rtp": (INT, P, P, INT, P, P, P),
    "pjmedia_rtp_session_update2": (NONE, P, P, P, INT),
    "pjmedia_sdp_neg_cancel_offer": (INT, P),
    "pjmedia_sdp_neg_create_w_local_offer": (INT, P, P, P),
    "pjmedia_sdp_neg_create_w_remote_offer": (INT, P, P, P, P),
    "pjmedia_sdp_neg_get_active_local": (INT, P, P),
    "pjmedia_sdp_neg_get_active_remote": (INT, P, P),
    "pjmedia_sdp_neg_get_state": (INT, P),
    "pjmedia_sdp_neg_modify_local_offer2": (INT, P, P, P, P),
    "pjmedia_sdp_neg_negotiate": (INT, P, P, P),
    "pjmedia_sdp_neg_send_local_offer": (INT, P, P, P),
    "pjmedia_sdp_neg_set_local_answer": (INT, P, P, P),
    "pjmedia_sdp_neg_set_remote_answer": (INT, P, P, P),
    "pjmedia_sdp_neg_set_remote_offer": (INT, P, P, P),
    "pjmedia_sdp_parse": (INT, P, P, SIZE, P),
    "pjmedia_sdp_print": (INT, P, P, SIZE),
    "pjmedia_sdp_validate": (INT, P),
    "pjmedia_srtp_enum_keying": (INT, P, P),
    "pjmedia_stream_get_info": (INT, P, P),
    "pjmedia_stream_get_rtp_session_info": (INT, P, P),
    "pjmedia_stream_get_transport": (P, P),
    "pjmedia_stream_pause": (INT, P, INT),
    "pjmedia_stream_resume": (INT, P, INT),
    # pjsip
    "pjsip_auth_clt_deinit": (INT, P),
    "pjsip_auth_clt_init": (INT, P, P, P, UINT),
    "pjsip_auth_clt_reinit_req": (INT, P, P, P, P),
    "pjsip_auth_clt_set_credentials": (INT, P, INT, P),
    "pjsip_dlg_fork": (INT, P, P, P),
    "pjsip_dlg_get_inv_session": (P, P),
    "pjsip_dlg_respond": (INT, P, P, INT, P, P, P),
    "pjsip_endpt_create_pool": (P, P, P, SIZE, SIZE),
    "pjsip_endpt_create_request": (INT, P, P, P, P, P, P, P, INT, P, P),
    "pjsip_endpt_create_response": (INT, P, P, INT, P, P),
    "pjsip_endpt_get_capability": (P, P, INT, P),
    "pjsip_endpt_get_resolver": (P, P),
    "pjsip_endpt_process_rx_data": (INT, P, P, P, P),
    "pjsip_endpt_register_module": (INT, P, P),
    "pjsip_endpt_release_pool": (NONE, P, P),
    "pjsip_endpt_resolve": (NONE, P, P, P, P, P),
    "pjsip_endpt_respond_stateless": (INT, P, P, INT, P, P, P),
    "pjsip_endpt_send_request": (INT, P, P, INT32, P, P),
    "pjsip_generic_string_hdr_create": (P, P, P, P),
    "pjsip_hdr_clone": (P, P, P),
    "pjsip_inv_add_ref": (INT, P),
    "pjsip_inv_cancel_reinvite": (INT, P, P),
    "pjsip_inv_create_uac": (INT, P, P, P, P),
    "pjsip_inv_create_uas": (INT, P, P, P, P, P),
    "pjsip_inv_dec_ref": (INT, P),
    "pjsip_inv_send_msg": (INT, P, P),
    "pjsip_inv_terminate": (INT, P, INT, INT),
    "pjsip_msg_body_create": (P, P, P, P, P),
    "pjsip_msg_find_hdr": (P, P, INT, P),
    "pjsip_msg_find_hdr_by_name": (P, P, P, P),
    "pjsip_msg_print": (SIGNED_SIZE, P, P, SIZE),
    "pjsip_parse_rdata": (P, P, SIZE, P),
    "pjsip_rdata_get_dlg": (P, P),
    "pjsip_rdata_get_sdp_info": (P, P),
    "pjsip_rx_data_clone": (INT, P, UINT, P),
    "pjsip_rx_data_free_cloned": (INT, P),
    "pjsip_rx_data_get_info": (TEXT, P),
    "pjsip_tpmgr_acquire_transport2": (INT, P, INT, P, INT, P, P, P),
    "pjsip_tpmgr_receive_packet": (SIGNED_SIZE, P, P),
    "pjsip_transport_send": (INT, P, P, P, INT, P, P),
    "pjsip_transport_shutdown": (INT, P),
    "pjsip_tsx_get_dlg": (P, P),
    "pjsip_tsx_layer_get_tsx_count": (UINT,),
    "pjsip_tsx_layer_instance": (P,),
    "pjsip_tx_data_add_ref": (NONE, P),
    "pjsip_tx_data_dec_ref": (INT, P),
    "pjsip_tx_data_encode": (INT, P),
    "pjsip_tx_data_invalidate_msg": (NONE, P),
    "pjsip_ua_find_dialog": (P, P, P, P, INT),
    # pjsua-lib
    "pjsua_acc_create_uas_contact": (INT, P, P, INT, P),
    "pjsua_call_get_max_count": (UINT,),
    "pjsua_call_on_incoming": (INT, P),
    "pjsua_conf_get_max_ports": (UINT,),
    "pjsua_get_pjmedia_endpt": (P,),
    "pjsua_get_pjsip_endpt": (P,),
    "pjsua_media_channel_create_sdp": (INT, INT, P, P, P, P),
    "pjsua_media_channel_deinit": (INT, INT),
    "pjsua_media_channel_init": (INT, INT, INT, INT, P, P, P, INT, P),
    "pjsua_media_channel_update": (INT, INT, P, P),
    "pjsua_media_prov_revert": (NONE, INT),
    # pjsua2: pj::Endpoint::instance, pj::Endpoint::performPendingJobs
    "_ZN2pj8Endpoint8instanceEv": (P,),
    "_ZN2pj8Endpoint18performPendingJobsEv": (NONE, P),
    # libsrtp
    "srtp_create": (INT, P, P),
    "srtp_unprotect": (INT, P, P, P),
}
"""Maps a function to its result type and argument types (headers of PJSIP 2.15 to 2.17)."""
SYSTEM: dict[str, tuple[Any, ...]] = {
    "getaddrinfo": (INT, TEXT, TEXT, P, P),
    "gethostbyname": (P, TEXT),
    "recvfrom": (SIGNED_SIZE, INT, P, SIZE, INT, P, P),
}
"""Functions of the system that the library calls."""
OPTIONAL: dict[str, tuple[Any, ...]] = {
    "OpenSSL_version": (TEXT, INT),  # the one or the other
    "SSLeay_version": (TEXT, INT),
    "pjsip_transport_send2": (INT, P, P, P, INT, P, P, P),  # from PJSIP 2.17
}
"""Functions that some builds do not have, and do not lack."""


class MissingSymbol(Exception):
    """This build of the library does not export a C function or a variable."""


class Exported(ctypes.CDLL):
    """The library's C functions by their names, with their prototypes.

    Raises MissingSymbol for a function that the build does not export, and KeyError for an undeclared one.
    """

    def __getitem__(self, name: Any) -> Any:
        """The function with that name."""
        result, *arguments = (PROTOTYPES | SYSTEM | OPTIONAL)[name]
        try:
            function = super().__getitem__(name)
        except AttributeError:
            raise MissingSymbol(f"this build of the library does not export {name}") from None
        function.restype, function.argtypes = result, arguments
        return function

    def require(self, *names: str) -> None:
        """Raise MissingSymbol unless every one of these functions is exported."""
        for name in names:
            getattr(self, name)

    def address(self, variable: str) -> int:
        """The address of an exported variable."""
        try:
            return ctypes.addressof(ctypes.c_char.in_dll(self, variable))
        except ValueError:
            raise MissingSymbol(f"this build of the library does not export {variable}") from None


@lru_cache(maxsize=1)
def exported() -> Exported:
    """The library that this process has loaded."""
    return Exported(_pjsua2.__file__)


def missing_functions() -> list[str]:
    """The declared functions that this build does not export."""
    library, missing = exported(), []
    for name in PROTOTYPES:
        try:
            library.require(name)
        except MissingSymbol:
            missing.append(name)
    return missing
