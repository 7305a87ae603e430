/** An identity's home region. */
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
