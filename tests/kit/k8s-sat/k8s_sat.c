/*
 * An authentication plugin for mosquitto 2: MQTT 5 enhanced authentication with the method K8S-SAT, as the broker of Azure IoT
 * Operations has it. For tests alone.
 *
 * A client shows a Kubernetes service account token (a JWT) in CONNECT, and a fresh one in AUTH before the first has expired. The
 * token must be signed by the key in `plugin_opt_key_file` (a public key in PEM: P-256 for ES256, RSA for RS256), come from
 * `plugin_opt_issuer`, be meant for `plugin_opt_audience`, and be valid now. The client's user is the token's subject, so that an
 * access list can name it. A client whose token has expired is put out.
 *
 * `plugin_opt_challenge true` asks each client once more (AUTH 0x18) before it is believed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define METHOD "K8S-SAT"
#define ID_MAX 256
#define CLIENTS_MAX 256

struct client {
	const struct mosquitto *handle;
	char id[ID_MAX];
	time_t expires;
};

static struct {
	mosquitto_plugin_id_t *plugin;
	EVP_PKEY *key;
	char *issuer;
	char *audience;
	bool challenge;
	struct client clients[CLIENTS_MAX];
} state;

/* What a token says of its owner. */
struct claims {
	char subject[ID_MAX];
	time_t expires;
};

static int refuse(const char *why)
{
	mosquitto_log_printf(MOSQ_LOG_WARNING, "k8s-sat: refused: %s", why);
	return MOSQ_ERR_AUTH;
}

/* Decodes base64url without padding. Gives the length, or -1. `out` has room for 3 bytes for each 4 characters begun. */
static int decode(const char *text, size_t length, unsigned char *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	int count = 0, written = 0;
	for (size_t i = 0; i < length; i++) {
		const char *found = text[i] ? strchr(alphabet, text[i]) : NULL;
		if (!found) {
			return -1;
		}
		bits = bits << 6 | (uint32_t)(found - alphabet);
		count += 6;
		if (count >= 8) {
			count -= 8;
			out[written++] = (unsigned char)(bits >> count);
		}
	}
	return written;
}

static cJSON *decode_json(const char *text, size_t length)
{
	unsigned char *buffer = malloc(length + 1);
	cJSON *json = NULL;
	int decoded = buffer ? decode(text, length, buffer) : -1;
	if (decoded > 0) {
		json = cJSON_ParseWithLength((const char *)buffer, (size_t)decoded);
	}
	free(buffer);
	return json;
}

/* A JWT has the two numbers of an ECDSA signature side by side; OpenSSL wants them in DER. */
static int to_der(const unsigned char *raw, int length, unsigned char **der)
{
	ECDSA_SIG *signature = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, length / 2, NULL), *s = BN_bin2bn(raw + length / 2, length / 2, NULL);
	int written = -1;
	if (signature && r && s && ECDSA_SIG_set0(signature, r, s)) {
		written = i2d_ECDSA_SIG(signature, der);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(signature);
	return written;
}

static bool signature_holds(const char *algorithm, const char *signed_part, size_t signed_length, const char *text, size_t length)
{
	bool elliptic = EVP_PKEY_base_id(state.key) == EVP_PKEY_EC;
	/* Exactly the algorithm of the key: neither `none`, nor a MAC made with the public key. */
	if (strcmp(algorithm, elliptic ? "ES256" : "RS256")) {
		return false;
	}
	bool holds = false;
	unsigned char *raw = malloc(length + 1), *der = NULL;
	int raw_length = raw ? decode(text, length, raw) : -1, der_length = raw_length;
	if (elliptic) {
		der_length = raw_length == 64 ? to_der(raw, raw_length, &der) : -1;
	}
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (context && der_length > 0 && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, state.key) == 1) {
		holds = EVP_DigestVerify(context, elliptic ? der : raw, (size_t)der_length, (const unsigned char *)signed_part, signed_length) == 1;
	}
	EVP_MD_CTX_free(context);
	OPENSSL_free(der);
	free(raw);
	return holds;
}

static bool meant_for(const cJSON *audience, const char *wanted)
{
	if (cJSON_IsString(audience)) {
		return !strcmp(audience->valuestring, wanted);
	}
	const cJSON *one;
	cJSON_ArrayForEach(one, audience)
	{
		if (cJSON_IsString(one) && !strcmp(one->valuestring, wanted)) {
			return true;
		}
	}
	return false;
}

/* NULL when the claims are fine, else why not. */
static const char *judge(const cJSON *payload, struct claims *claims)
{
	const cJSON *issuer = cJSON_GetObjectItemCaseSensitive(payload, "iss");
	const cJSON *subject = cJSON_GetObjectItemCaseSensitive(payload, "sub");
	const cJSON *expires = cJSON_GetObjectItemCaseSensitive(payload, "exp");
	const cJSON *not_before = cJSON_GetObjectItemCaseSensitive(payload, "nbf");
	time_t now = time(NULL);
	if (!cJSON_IsString(issuer) || strcmp(issuer->valuestring, state.issuer)) {
		return "another issuer";
	}
	if (!meant_for(cJSON_GetObjectItemCaseSensitive(payload, "aud"), state.audience)) {
		return "meant for another audience";
	}
	if (!cJSON_IsNumber(expires) || (time_t)expires->valuedouble <= now) {
		return "expired";
	}
	if (cJSON_IsNumber(not_before) && (time_t)not_before->valuedouble > now) {
		return "not valid yet";
	}
	if (!cJSON_IsString(subject) || strncmp(subject->valuestring, "system:serviceaccount:", 22) || strlen(subject->valuestring) >= ID_MAX) {
		return "the subject is no service account";
	}
	strcpy(claims->subject, subject->valuestring);
	claims->expires = (time_t)expires->valuedouble;
	return NULL;
}

/* NULL when the token is fine, else why not. */
static const char *verify(const char *token, size_t length, struct claims *claims)
{
	const char *first = length ? memchr(token, '.', length) : NULL;
	if (!first) {
		return "no token";
	}
	size_t rest = length - (size_t)(first + 1 - token);
	const char *second = memchr(first + 1, '.', rest);
	if (!second) {
		return "no token";
	}
	const char *why = "no token";
	cJSON *header = decode_json(token, (size_t)(first - token));
	cJSON *payload = decode_json(first + 1, (size_t)(second - first - 1));
	const cJSON *algorithm = cJSON_GetObjectItemCaseSensitive(header, "alg");
	if (cJSON_IsString(algorithm) && payload) {
		size_t signed_length = (size_t)(second - token), signature_length = length - signed_length - 1;
		why = signature_holds(algorithm->valuestring, token, signed_length, second + 1, signature_length) ? judge(payload, claims)
		                                                                                                   : "the signature does not hold";
	}
	cJSON_Delete(header);
	cJSON_Delete(payload);
	return why;
}

static struct client *slot_of(const struct mosquitto *handle)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (state.clients[i].handle == handle) {
			return &state.clients[i];
		}
	}
	return NULL;
}

static int admit(struct mosquitto_evt_extended_auth *event)
{
	struct claims claims;
	const char *why = verify(event->data_in, event->data_in_len, &claims);
	if (why) {
		return refuse(why);
	}
	struct client *slot = slot_of(event->client);
	bool again = slot != NULL;
	slot = slot ? slot : slot_of(NULL);
	const char *id = mosquitto_client_id(event->client);
	if (!slot || !id || strlen(id) >= ID_MAX) {
		return refuse("no room");
	}
	slot->handle = event->client;
	strcpy(slot->id, id);
	slot->expires = claims.expires;
	mosquitto_log_printf(MOSQ_LOG_NOTICE, "k8s-sat: %s %s as %s", again ? "reauthenticated" : "authenticated", id, claims.subject);
	return mosquitto_set_username(event->client, claims.subject);
}

static int on_start(int event, void *data, void *user)
{
	(void)event;
	(void)user;
	struct mosquitto_evt_extended_auth *auth = data;
	if (!auth->auth_method || strcmp(auth->auth_method, METHOD)) {
		return MOSQ_ERR_PLUGIN_DEFER;
	}
	if (state.challenge) {
		mosquitto_log_printf(MOSQ_LOG_NOTICE, "k8s-sat: challenged %s", mosquitto_client_id(auth->client));
		return MOSQ_ERR_AUTH_CONTINUE;
	}
	return admit(auth);
}

static int on_continue(int event, void *data, void *user)
{
	(void)event;
	(void)user;
	struct mosquitto_evt_extended_auth *auth = data;
	/* mosquitto 2.0.11 does not say the method again; it has compared it with the one of CONNECT. */
	if (auth->auth_method && strcmp(auth->auth_method, METHOD)) {
		return MOSQ_ERR_PLUGIN_DEFER;
	}
	return admit(auth);
}

static int on_disconnect(int event, void *data, void *user)
{
	(void)event;
	(void)user;
	struct mosquitto_evt_disconnect *gone = data;
	struct client *slot = slot_of(gone->client);
	if (slot) {
		memset(slot, 0, sizeof *slot);
	}
	return MOSQ_ERR_SUCCESS;
}

static int on_tick(int event, void *data, void *user)
{
	(void)event;
	(void)data;
	(void)user;
	time_t now = time(NULL);
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (state.clients[i].handle && state.clients[i].expires <= now) {
			struct client late = state.clients[i];
			memset(&state.clients[i], 0, sizeof late);
			mosquitto_log_printf(MOSQ_LOG_NOTICE, "k8s-sat: the token of %s has expired", late.id);
			mosquitto_kick_client_by_clientid(late.id, true);
		}
	}
	return MOSQ_ERR_SUCCESS;
}

static EVP_PKEY *read_key(const char *path)
{
	FILE *file = path ? fopen(path, "r") : NULL;
	EVP_PKEY *key = file ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : NULL;
	if (file) {
		fclose(file);
	}
	return key;
}

int mosquitto_plugin_version(int supported_version_count, const int *supported_versions)
{
	for (int i = 0; i < supported_version_count; i++) {
		if (supported_versions[i] == MOSQ_PLUGIN_VERSION) {
			return MOSQ_PLUGIN_VERSION;
		}
	}
	return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **user, struct mosquitto_opt *options, int option_count)
{
	(void)user;
	memset(&state, 0, sizeof state);
	state.plugin = identifier;
	const char *key_file = NULL;
	for (int i = 0; i < option_count; i++) {
		const char *key = options[i].key, *value = options[i].value;
		if (!strcmp(key, "key_file")) {
			key_file = value;
		} else if (!strcmp(key, "issuer")) {
			state.issuer = strdup(value);
		} else if (!strcmp(key, "audience")) {
			state.audience = strdup(value);
		} else if (!strcmp(key, "challenge")) {
			state.challenge = !strcmp(value, "true");
		} else {
			mosquitto_log_printf(MOSQ_LOG_ERR, "k8s-sat: there is no option %s", key);
			return MOSQ_ERR_INVAL;
		}
	}
	state.key = read_key(key_file);
	if (!state.key || !state.issuer || !state.audience) {
		mosquitto_log_printf(MOSQ_LOG_ERR, "k8s-sat: needs plugin_opt_key_file (a public key in PEM), plugin_opt_issuer and plugin_opt_audience");
		return MOSQ_ERR_INVAL;
	}
	int rc = mosquitto_callback_register(identifier, MOSQ_EVT_EXT_AUTH_START, on_start, NULL, NULL);
	rc = rc ? rc : mosquitto_callback_register(identifier, MOSQ_EVT_EXT_AUTH_CONTINUE, on_continue, NULL, NULL);
	rc = rc ? rc : mosquitto_callback_register(identifier, MOSQ_EVT_DISCONNECT, on_disconnect, NULL, NULL);
	return rc ? rc : mosquitto_callback_register(identifier, MOSQ_EVT_TICK, on_tick, NULL, NULL);
}

int mosquitto_plugin_cleanup(void *user, struct mosquitto_opt *options, int option_count)
{
	(void)user;
	(void)options;
	(void)option_count;
	mosquitto_callback_unregister(state.plugin, MOSQ_EVT_EXT_AUTH_START, on_start, NULL);
	mosquitto_callback_unregister(state.plugin, MOSQ_EVT_EXT_AUTH_CONTINUE, on_continue, NULL);
	mosquitto_callback_unregister(state.plugin, MOSQ_EVT_DISCONNECT, on_disconnect, NULL);
	mosquitto_callback_unregister(state.plugin, MOSQ_EVT_TICK, on_tick, NULL);
	EVP_PKEY_free(state.key);
	free(state.issuer);
	free(state.audience);
	return MOSQ_ERR_SUCCESS;
}
