/** The region of the instance, or the one in the key's configuration file: not the tenancy's home region. */
export interface RegionInfo {
  /** us-ashburn-1 */
  readonly id: string;
  /** iad, in lower case */
  readonly key: string;
  /** oc1 */
  readonly realmKey: string;
  /** oraclecloud.com */
  readonly realmDomain: string;
}
