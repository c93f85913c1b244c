//! [`domain::ports::Store`] over the queries, the same for every database.

/// Implements the port for a store.
///
/// `$asking` is a macro that begins a transaction which sees one moment, asks `$it => $work` in it,
/// and says [`Unreachable`](domain::ports::Unreachable) if that fails. The store has `write_accept`
/// and `write_commit` of its own, since the fast way to write differs.
macro_rules! store {
    ($store:ty, $asking:ident) => {
        impl Store for $store {
            fn accept<'a>(
                &'a self,
                needs: &'a AcceptNeeds,
                decide: &'a mut Decide<'a>,
            ) -> BoxFuture<'a, Result<(), CommitError>> {
                Box::pin(async move {
                    let mut kinds = vec![];
                    let mut noting = |view| {
                        let change = decide(view);
                        kinds.extend(change.events.iter().map(|it| it.kind));
                        change
                    };
                    self.write_accept(needs, &mut noting).await?;
                    self.written.add(&kinds);
                    Ok(())
                })
            }

            fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
                Box::pin(async move {
                    let kinds: Vec<EventKind> = change.events.iter().map(|it| it.kind).collect();
                    self.write_commit(change).await?;
                    self.written.add(&kinds);
                    Ok(())
                })
            }

            fn load_batch(&self, id: BatchId) -> BoxFuture<'_, Result<BatchView, Unreachable>> {
                Box::pin(async move { $asking!(self, it => read::batch_view(it, id)) })
            }

            fn peek_batch(&self, id: BatchId) -> BoxFuture<'_, Result<(Batch, Lane), Unreachable>> {
                Box::pin(async move { $asking!(self, it => read::peek_batch(it, id)) })
            }

            fn commitments<'a>(
                &'a self,
                lane: &'a LaneId,
                without: BatchId,
            ) -> BoxFuture<'a, Result<Vec<Commitment>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => read::commitments(it, lane, without)) })
            }

            fn signed<'a>(
                &'a self,
                names: &'a BTreeSet<TxId>,
            ) -> BoxFuture<'a, Result<Vec<Attempt>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => read::signed(it, names)) })
            }

            fn load_lane<'a>(
                &'a self,
                id: &'a LaneId,
                queued_max: u32,
            ) -> BoxFuture<'a, Result<Option<LaneView>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => read::lane_view(it, id, queued_max)) })
            }

            fn load_delivery(
                &self,
                id: DeliveryId,
            ) -> BoxFuture<'_, Result<DeliveryView, Unreachable>> {
                Box::pin(async move { $asking!(self, it => read::delivery_view(it, id)) })
            }

            fn due_batches<'a>(
                &'a self,
                lane: &'a LaneId,
                now: Timestamp,
                count_max: u32,
            ) -> BoxFuture<'a, Result<Vec<BatchId>, Unreachable>> {
                Box::pin(async move {
                    $asking!(self, it => read::due_batches(it, lane, now, count_max))
                })
            }

            fn due_deliveries(
                &self,
                now: Timestamp,
                after: Option<DuePlace>,
                count_max: u32,
            ) -> BoxFuture<'_, Result<Vec<DueDelivery>, Unreachable>> {
                Box::pin(async move {
                    $asking!(self, it => read::due_deliveries(it, now, after, count_max))
                })
            }

            fn expired_approvals(
                &self,
                now: Timestamp,
                count_max: u32,
            ) -> BoxFuture<'_, Result<Vec<PayoutId>, Unreachable>> {
                Box::pin(async move {
                    $asking!(self, it => read::expired_approvals(it, now, count_max))
                })
            }

            fn find_payout<'a>(
                &'a self,
                key: &'a PayoutKey,
            ) -> BoxFuture<'a, Result<Option<PayoutView>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => report::payout_view(it, key)) })
            }

            fn page<'a>(
                &'a self,
                query: &'a PageQuery,
            ) -> BoxFuture<'a, Result<Vec<Payout>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => report::page(it, query)) })
            }

            fn balances(&self) -> BoxFuture<'_, Result<Vec<Balance>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => report::balances(it)) })
            }

            fn held<'a>(
                &'a self,
                account: &'a LedgerAccount,
            ) -> BoxFuture<'a, Result<Vec<(AssetId, Amount)>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => report::held(it, account)) })
            }

            fn postings<'a>(
                &'a self,
                account: &'a LedgerAccount,
                asset: &'a AssetId,
                count_max: u32,
            ) -> BoxFuture<'a, Result<Vec<Posting>, Unreachable>> {
                Box::pin(async move {
                    $asking!(self, it => report::postings(it, account, asset, count_max))
                })
            }

            fn moved_since<'a>(
                &'a self,
                debit: &'a LedgerAccount,
                credit: &'a LedgerAccount,
                asset: &'a AssetId,
                since: Timestamp,
            ) -> BoxFuture<'a, Result<Amount, Unreachable>> {
                Box::pin(async move {
                    $asking!(self, it => report::moved_since(it, (debit, credit), asset, since))
                })
            }

            fn merchants(&self) -> BoxFuture<'_, Result<Vec<Merchant>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => report::merchants(it)) })
            }

            fn merchant(
                &self,
                id: MerchantId,
            ) -> BoxFuture<'_, Result<Option<Merchant>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => read::merchant(it, id)) })
            }

            fn keys_of(
                &self,
                merchant: MerchantId,
            ) -> BoxFuture<'_, Result<Vec<ApiKey>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => report::keys_of(it, merchant)) })
            }

            fn key(&self, id: KeyId) -> BoxFuture<'_, Result<Option<ApiKey>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => read::key(it, id)) })
            }

            fn keys_by_lookup<'a>(
                &'a self,
                dialect: &'a str,
                lookup: &'a str,
            ) -> BoxFuture<'a, Result<Vec<ApiKey>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => report::keys_by_lookup(it, dialect, lookup)) })
            }

            fn lanes(&self) -> BoxFuture<'_, Result<Vec<Lane>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => report::lanes(it)) })
            }

            fn leases(&self) -> BoxFuture<'_, Result<Vec<Lease>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => report::leases(it)) })
            }

            fn counts(&self) -> BoxFuture<'_, Result<BTreeMap<String, u64>, Unreachable>> {
                Box::pin(async move { $asking!(self, it => report::counts(it)) })
            }

            fn written(&self) -> BTreeMap<EventKind, u64> {
                self.written.counts()
            }

            fn disk_waits(&self) -> Option<u64> {
                self.waits()
            }

            fn retired(&self) -> BoxFuture<'_, Result<Option<String>, Unreachable>> {
                Box::pin(async move {
                    match self.check().await {
                        Ok(()) => Ok(None),
                        Err(error @ StoreError::Unfit { .. }) => Ok(Some(error.to_string())),
                        Err(error) => {
                            tracing::error!(%error, "the store cannot read");
                            Err(Unreachable)
                        }
                    }
                })
            }
        }
    };
}
pub(crate) use store;
