/** An identity's home region: that of the instance or its key's file, not the tenancy's home region. */
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
