/**
 * The auth service's security tokens: issued for a session key, and verified by the registry.
 *
 * Claims as in a real instance's token, published by Teleport (RFD 0179, "Oracle joining", appendix A). The membership of a dynamic
 * group is fixed when the token is issued: `opc-tag` has an entry for it. The form V1 is from oracle/nosql-java-sdk (the tests of its
 * providers), and entries of 16 bytes, with padding, from published tokens of 2022 and 2025.
 */
import { createPublicKey, generateKeyPair, type KeyObject, randomUUID } from "node:crypto";
import { promisify } from "node:util";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { secondsLeft, type TokenFlaw } from "../http/faults.ts";
import { notAuthenticated } from "../http/refusal.ts";
import { type Claims, decodeJwt, isSigned, signJwt } from "../jwt.ts";
import { INSTANCE } from "../metadata/instance.ts";
import type { ServiceAccountName } from "../service-accounts.ts";

interface Session {
  readonly publicKey: KeyObject;
  readonly claims: Claims;
}

export interface ServiceUser {
  readonly name: string;
  /** Its membership is fixed when the token is issued. */
  readonly group: string;
}

const HEADER = { kid: "asw_oc1_simulator", typ: "JWT" };
const TAGS_OF_NO_GROUP = ["AAAAAgAAAAAbhip6AACBaA==", "AAAAAQAAAAAAAACB"];
const TAG_OF_GROUP = "AAAAAQAAAAAAhy9d";
const GROUP_ID = `ocid1.dynamicgroup.oc1..${"simulated2".repeat(6)}`;

/** Marks a keyId that is a session token. */
export const SESSION_PREFIX = "ST$";

const CONTAINER_INSTANCE_ID = "ocid1.computecontainerinstance.oc1.iad.simulator";

const WORKLOAD = "workload";

export function isMember(claims: Claims): boolean {
  return String(claims["opc-tag"])
    .split(",")
    .some((entry) => entry === TAG_OF_GROUP || entry === GROUP_ID);
}

/** The service account that a token is for, as `namespace/name`; undefined for another kind of principal. */
export function serviceAccountOf(claims: Claims): string | undefined {
  return claims["ptype"] === WORKLOAD ? `${claims["namespace"]}/${claims["service_account"]}` : undefined;
}

/** The group of a service user's token; undefined for another kind of principal. */
export function serviceUserGroupOf(claims: Claims): string | undefined {
  const group = claims["service_user_group"];
  return typeof group === "string" ? group : undefined;
}

/** @param lifeMs life of a token, in milliseconds; 20 minutes at Oracle. */
export async function createSessionTokens(clock: Clock, lifeMs: number) {
  const own = await promisify(generateKeyPair)("rsa", { modulusLength: 2_048 });

  /** Signs `claims` with a life, and with the key that the session is bound to. */
  async function sign(
    publicKey: KeyObject,
    kid: string,
    claims: Claims,
    flaw?: TokenFlaw,
    latestEndS = Number.POSITIVE_INFINITY,
  ): Promise<string> {
    const lifeS = Math.ceil(lifeMs / 1_000);
    const issuedAtS = Math.floor(clock.wallMs() / 1_000) - lifeS + secondsLeft(flaw, lifeS);
    // The service's own key, which is not the caller's.
    const { n, e } = (flaw === "foreign-key" ? own.publicKey : publicKey).export({ format: "jwk" });
    const all = {
      ...claims,
      iss: "authService.oracle.com",
      aud: "oci",
      iat: issuedAtS,
      ...(flaw === "without-exp" ? {} : { exp: Math.min(issuedAtS + lifeS, latestEndS) }),
      jti: randomUUID(),
      tenant: INSTANCE.tenancyId,
      jwk: JSON.stringify({ kid, n, e, kty: "RSA", alg: "RS256", use: "sig" }),
    };
    return signJwt(HEADER, all, own.privateKey);
  }

  const tagsOf = (member: boolean): string =>
    ["V3", INSTANCE.tenancyId, ...TAGS_OF_NO_GROUP, ...(member ? [TAG_OF_GROUP] : [])].join(",");

  return {
    issue(publicKey: KeyObject, leafFingerprint: string, member: boolean, flaw?: TokenFlaw): Promise<string> {
      const claims = {
        sub: INSTANCE.instanceId,
        "opc-certtype": "instance",
        fprint: leafFingerprint,
        ptype: "instance",
        "opc-tag": tagsOf(member),
        ttype: "x509",
        "opc-instance": INSTANCE.instanceId,
        "opc-compartment": INSTANCE.compartmentId,
        "opc-tenant": INSTANCE.tenancyId,
      };
      return sign(publicKey, leafFingerprint, claims, flaw);
    },
    /** The session of a service account of the cluster: its principal has the type `workload`. */
    issueForServiceAccount(
      publicKey: KeyObject,
      { namespace, serviceAccount }: ServiceAccountName,
      flaw?: TokenFlaw,
    ): Promise<string> {
      const claims = {
        sub: `${INSTANCE.clusterId.replace("cluster", "workload")}.${namespace}.${serviceAccount}`,
        ptype: WORKLOAD,
        ttype: "res_sp",
        res_type: WORKLOAD,
        res_tenant: INSTANCE.tenancyId,
        res_compartment: INSTANCE.compartmentId,
        res_id: INSTANCE.clusterId,
        namespace,
        service_account: serviceAccount,
        cluster_id: INSTANCE.clusterId,
      };
      return sign(publicKey, WORKLOAD, claims, flaw);
    },
    /** The session of a person, as `oci session authenticate` gets it from the browser. */
    issueUser(publicKey: KeyObject): Promise<string> {
      return sign(publicKey, "session", { sub: INSTANCE.userId, ptype: "user", ttype: "login" });
    },
    /** The UPST of a service user of the identity domain. It ends no later than the token that it was exchanged for. */
    issueServiceUser(
      publicKey: KeyObject,
      { name, group }: ServiceUser,
      endsAtS: number,
      flaw?: TokenFlaw,
    ): Promise<string> {
      const sub = INSTANCE.userId.replace(/[^.]*$/, name);
      const claims = { sub, ptype: "user", ttype: "upst", service_user_group: group };
      return sign(publicKey, "upst", claims, flaw, endsAtS);
    },
    /** The token that a platform gives to a function or a container instance (RPST). */
    issueResource(publicKey: KeyObject, member: boolean): Promise<string> {
      const claims = {
        sub: CONTAINER_INSTANCE_ID,
        ptype: "resource",
        ttype: "res",
        res_type: "computecontainerinstance",
        res_tenant: INSTANCE.tenancyId,
        res_compartment: INSTANCE.compartmentId,
        res_id: CONTAINER_INSTANCE_ID,
        "opc-tag": member ? `V1,${GROUP_ID}` : "V1",
      };
      return sign(publicKey, "resource", claims);
    },
    renew({ publicKey, claims }: Session): Promise<string> {
      return sign(publicKey, "session", claims);
    },
    /** @throws {Refusal} NotAuthenticated for a token that is not ours, has expired or has no expiry. */
    open(token: string): Session {
      const jwt = decodeJwt(token);
      if (jwt === undefined || !isSigned(jwt, own.publicKey)) throw notAuthenticated("the session token is not ours");
      const { claims } = jwt;
      // Negated, so that a token without expiry is refused.
      if (!(Number(claims["exp"]) * 1_000 > clock.wallMs())) throw notAuthenticated("the session token has ended");
      return { publicKey: createPublicKey({ key: JSON.parse(String(claims["jwk"])), format: "jwk" }), claims };
    },
  };
}
