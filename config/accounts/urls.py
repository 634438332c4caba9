"""Addresses of accounts."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from compliance import access
from config.accounts import acts, programs, proving, security, signing_in, single_sign_on

urlpatterns = [
    path("sign-in/", access.public(signing_in.PasswordStep.as_view()), name="login"),
    path("sign-in/second/", access.public(signing_in.second_step), name="second_step"),
    path("sign-in/app/", access.public(signing_in.app), name="sign_in_app"),
    path("sign-in/passkey/", access.public(signing_in.passkey), name="sign_in_passkey"),
    path("sign-in/provider/", access.public(single_sign_on.begin), name="provider_begin"),
    path("sign-in/provider/back/", access.public(single_sign_on.back), name="provider_back"),
    path("sign-in/provider/out/", access.public(single_sign_on.way_out), name="provider_out"),
    path("sign-out/", access.signed_in(LogoutView.as_view()), name="logout"),
    path("account/", access.signed_in(security.security), name="security"),
    path("account/confirm/", access.signed_in(proving.confirm), name="confirm"),
    path("account/sign/", access.signed_in(acts.sign_fresh), name="sign_fresh"),
    path("account/app/", access.signed_in(security.app), name="account_app"),
    path("account/passkey/", access.signed_in(security.passkey), name="account_passkey"),
    path("account/codes/", access.signed_in(security.new_codes), name="account_codes"),
    path("account/remove/", access.signed_in(security.remove), name="account_remove"),
    path("account/sessions/end/", access.signed_in(security.end_sessions), name="account_sessions_end"),
    path("account/programs/", access.signed_in(programs.program_list), name="programs"),
    path("account/programs/new/", access.signed_in(programs.program_new), name="program_new"),
    path("account/programs/revoke/", access.signed_in(programs.program_revoke), name="program_revoke"),
    path("account/password/", access.signed_in(security.password), name="account_password"),
]
