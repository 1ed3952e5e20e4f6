BEGIN TRANSACTION;
CREATE TABLE clnp_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT clnp_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "clnp_alembic_version" VALUES('0002');
CREATE TABLE clnp_artifacts (
	digest TEXT NOT NULL, 
	artifact_bytes BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	removed_at DATETIME, 
	CONSTRAINT pk_clnp_artifacts PRIMARY KEY (digest)
);
INSERT INTO "clnp_artifacts" VALUES('0953d17240b4ae2b3345f88c3edce4c1724fdca33520110ff60c2910e85cfb2d',1556,'2026-11-25 19:22:26.806999',NULL);
INSERT INTO "clnp_artifacts" VALUES('6fa12151c78d64aaff51720cb2533ae58c0c15465271639f06b521746050f973',1556,'2026-11-25 19:22:26.962887',NULL);
INSERT INTO "clnp_artifacts" VALUES('319ce5372e2b0b99d22cb9e7858194ceb445ece66690b15cafc70b35dd3a451c',1556,'2026-11-25 19:22:26.997996',NULL);
INSERT INTO "clnp_artifacts" VALUES('d2f213471674edd6a32b687b1ce19dae4d7ff436589544e6f6bd02d40507d9f6',1556,'2026-11-25 19:22:27.178935',NULL);
INSERT INTO "clnp_artifacts" VALUES('e049e71468f6e7589a446c4fa417c530944a18d56daff88d7337cc7c6ef1ab1c',1316,'2026-11-25 19:22:41.373894',NULL);
INSERT INTO "clnp_artifacts" VALUES('363a8537ece9665c9d7a986914e0fc46ed00bfbbfa18038d4ed6268cc396ddb1',1620,'2026-11-25 19:23:04.523347',NULL);
INSERT INTO "clnp_artifacts" VALUES('6196382ad3b685d712bb0f1445a1a589c9feec63be41ec470b827a364b67dbe2',1620,'2026-11-25 19:23:04.699821',NULL);
INSERT INTO "clnp_artifacts" VALUES('297fb5816fa9d152ba8937a1ac78740d94bb9d08433b60830f6552050566f3b6',1620,'2026-11-25 19:23:04.869720',NULL);
INSERT INTO "clnp_artifacts" VALUES('9f17e34957ff6e9d26b270b0170b45a1b360fbb5c3420578dd105bc6b36bd894',1620,'2026-11-25 19:23:05.320217',NULL);
INSERT INTO "clnp_artifacts" VALUES('3645557fc4134ce178e586b60340892d0b5368fb81d61b2ab2b27c1b97ee65a7',1380,'2026-11-25 19:23:15.065449',NULL);
CREATE TABLE clnp_capacity (
	commit_id INTEGER NOT NULL, 
	layer BIGINT NOT NULL, 
	total_neurons BIGINT NOT NULL, 
	used_neurons BIGINT NOT NULL, 
	new_neurons BIGINT NOT NULL, 
	reused_neurons BIGINT NOT NULL, 
	free_neurons BIGINT NOT NULL, 
	CONSTRAINT pk_clnp_capacity PRIMARY KEY (commit_id, layer), 
	CONSTRAINT fk_clnp_capacity_commit_id FOREIGN KEY(commit_id) REFERENCES clnp_commits (id) ON DELETE CASCADE
);
INSERT INTO "clnp_capacity" VALUES(1,1,8,3,3,0,5);
INSERT INTO "clnp_capacity" VALUES(1,2,6,2,2,0,4);
INSERT INTO "clnp_capacity" VALUES(2,1,8,6,3,3,2);
INSERT INTO "clnp_capacity" VALUES(2,2,6,4,2,0,2);
INSERT INTO "clnp_capacity" VALUES(3,1,8,3,3,0,5);
INSERT INTO "clnp_capacity" VALUES(3,2,6,2,2,0,4);
CREATE TABLE clnp_commits (
	id INTEGER NOT NULL, 
	stage_id INTEGER NOT NULL, 
	digest TEXT NOT NULL, 
	parent_digest TEXT, 
	verification JSON NOT NULL, 
	commit_seconds FLOAT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_clnp_commits PRIMARY KEY (id), 
	CONSTRAINT fk_clnp_commits_digest FOREIGN KEY(digest) REFERENCES clnp_artifacts (digest), 
	CONSTRAINT fk_clnp_commits_stage_id FOREIGN KEY(stage_id) REFERENCES clnp_stages (id) ON DELETE CASCADE, 
	CONSTRAINT uq_clnp_commits_stage_id UNIQUE (stage_id)
);
INSERT INTO "clnp_commits" VALUES(1,1,'e049e71468f6e7589a446c4fa417c530944a18d56daff88d7337cc7c6ef1ab1c',NULL,'{"task": 1, "tasks_compared": [], "samples_compared": 0, "widened": false}',1.11278869990201201289e-02,'2026-11-25 19:22:41.373894');
INSERT INTO "clnp_commits" VALUES(2,2,'3645557fc4134ce178e586b60340892d0b5368fb81d61b2ab2b27c1b97ee65a7','e049e71468f6e7589a446c4fa417c530944a18d56daff88d7337cc7c6ef1ab1c','{"task": 2, "tasks_compared": [1], "samples_compared": 100, "widened": false}',5.860793799911334645e-02,'2026-11-25 19:23:15.065449');
INSERT INTO "clnp_commits" VALUES(3,3,'e049e71468f6e7589a446c4fa417c530944a18d56daff88d7337cc7c6ef1ab1c',NULL,'{"task": 1, "tasks_compared": [], "samples_compared": 0, "widened": false}',5.48642700050550047308e-03,'2026-11-25 19:24:31.680041');
CREATE TABLE clnp_epochs (
	trial_id INTEGER NOT NULL, 
	attempt BIGINT NOT NULL, 
	epoch BIGINT NOT NULL, 
	train_loss FLOAT, 
	l1_penalty FLOAT, 
	val_correct BIGINT NOT NULL, 
	val_total BIGINT NOT NULL, 
	seconds FLOAT NOT NULL, 
	CONSTRAINT pk_clnp_epochs PRIMARY KEY (trial_id, attempt, epoch), 
	CONSTRAINT fk_clnp_epochs_trial_id FOREIGN KEY(trial_id) REFERENCES clnp_trials (id) ON DELETE CASCADE
);
INSERT INTO "clnp_epochs" VALUES(2,1,1,7.01432781219482381906e-01,1.80622259983792923278e-03,62,100,7.232891599960566964e-02);
INSERT INTO "clnp_epochs" VALUES(2,1,2,6.82672481536865216611e-01,2.04311705939471711934e-03,67,100,2.8733580000334768556e-02);
INSERT INTO "clnp_epochs" VALUES(1,1,1,6.88479290008544908552e-01,1.9905664959780551039e-03,43,100,1.63257629992585862055e-02);
INSERT INTO "clnp_epochs" VALUES(3,1,1,6.89249954223632776972e-01,1.86043631597422043366e-02,84,100,3.28774899990094127133e-02);
INSERT INTO "clnp_epochs" VALUES(3,1,2,6.76340999603271431084e-01,1.73970796515932335513e-02,78,100,5.07940399984363466501e-03);
INSERT INTO "clnp_epochs" VALUES(1,1,2,6.81099510192871071545e-01,1.9013463294599206553e-03,43,100,1.2065974999131867662e-02);
INSERT INTO "clnp_epochs" VALUES(4,1,1,0.665073823928833,1.87538763344055024739e-02,61,100,2.4384383999858982861e-02);
INSERT INTO "clnp_epochs" VALUES(4,1,2,5.03557901382446271298e-01,2.3500710142543540515e-02,97,100,3.91440000003058230504e-02);
INSERT INTO "clnp_epochs" VALUES(6,1,1,6.70613632202148424177e-01,1.89541697613894942996e-03,78,100,5.32097359991894336417e-02);
INSERT INTO "clnp_epochs" VALUES(6,1,2,6.43698797225952135114e-01,2.05783674805425130863e-03,61,100,9.59455100019113160669e-03);
INSERT INTO "clnp_epochs" VALUES(7,1,1,7.25521869659423779275e-01,1.29505804902873954825e-02,47,100,7.79498700103431474417e-03);
INSERT INTO "clnp_epochs" VALUES(7,1,2,7.02819099426269522368e-01,1.14892031743656850006e-02,47,100,5.70543639987590722739e-02);
INSERT INTO "clnp_epochs" VALUES(8,1,1,6.87827816009521475493e-01,6.79297562059946301998e-03,53,100,1.64729490006720880046e-02);
INSERT INTO "clnp_epochs" VALUES(8,1,2,6.68498153686523433059e-01,7.65283516608178653733e-03,53,100,1.74673829988023499026e-02);
INSERT INTO "clnp_epochs" VALUES(5,1,1,7.09429912567138720724e-01,1.3570169150829314731e-03,47,100,1.92660370012163184583e-02);
INSERT INTO "clnp_epochs" VALUES(5,1,2,0.701833782196045,1.26997114121913919418e-03,48,100,1.20751220001693582162e-02);
INSERT INTO "clnp_epochs" VALUES(10,1,1,7.01432781219482381906e-01,1.80622259983792923278e-03,62,100,4.90158619995781918987e-02);
INSERT INTO "clnp_epochs" VALUES(10,1,2,6.82672481536865216611e-01,2.04311705939471711934e-03,67,100,1.20179649984493153169e-02);
INSERT INTO "clnp_epochs" VALUES(9,1,1,6.88479290008544908552e-01,1.9905664959780551039e-03,43,100,3.78547720010828925296e-02);
INSERT INTO "clnp_epochs" VALUES(9,1,2,6.81099510192871071545e-01,1.9013463294599206553e-03,43,100,1.51151729987759608775e-02);
INSERT INTO "clnp_epochs" VALUES(11,1,1,6.89249954223632776972e-01,1.86043631597422043366e-02,84,100,2.49811729991051834076e-02);
INSERT INTO "clnp_epochs" VALUES(11,1,2,6.76340999603271431084e-01,1.73970796515932335513e-02,78,100,1.25254760005191201344e-02);
INSERT INTO "clnp_epochs" VALUES(12,1,1,0.665073823928833,1.87538763344055024739e-02,61,100,1.32935569999972358345e-02);
INSERT INTO "clnp_epochs" VALUES(12,1,2,5.03557901382446271298e-01,2.3500710142543540515e-02,97,100,1.12156209997920086607e-02);
INSERT INTO "clnp_epochs" VALUES(13,1,1,7.09429912567138720724e-01,1.3570169150829314731e-03,47,100,2.87208749996352707967e-02);
INSERT INTO "clnp_epochs" VALUES(13,1,2,0.701833782196045,1.26997114121913919418e-03,48,100,0.0202773420005542);
INSERT INTO "clnp_epochs" VALUES(15,1,1,7.25521869659423779275e-01,1.29505804902873954825e-02,47,100,1.05595710010675247758e-02);
INSERT INTO "clnp_epochs" VALUES(15,1,2,7.02819099426269522368e-01,1.14892031743656850006e-02,47,100,1.77279519994044676423e-02);
CREATE TABLE clnp_evaluations (
	commit_id INTEGER NOT NULL, 
	on_task BIGINT NOT NULL, 
	test_correct BIGINT NOT NULL, 
	test_total BIGINT NOT NULL, 
	test_accuracy FLOAT NOT NULL, 
	logits_digest TEXT NOT NULL, 
	CONSTRAINT pk_clnp_evaluations PRIMARY KEY (commit_id, on_task), 
	CONSTRAINT ck_clnp_evaluations_test_correct CHECK (test_correct BETWEEN 0 AND test_total), 
	CONSTRAINT fk_clnp_evaluations_commit_id FOREIGN KEY(commit_id) REFERENCES clnp_commits (id) ON DELETE CASCADE
);
INSERT INTO "clnp_evaluations" VALUES(1,1,93,100,0.93,'21df2f8b972d71d407deb6171bd26e04266a27c500a7aea49eb2fa89e8243bf9');
INSERT INTO "clnp_evaluations" VALUES(2,1,93,100,0.93,'21df2f8b972d71d407deb6171bd26e04266a27c500a7aea49eb2fa89e8243bf9');
INSERT INTO "clnp_evaluations" VALUES(2,2,72,100,0.72,'1e49e1bcab434964becdc58a14662f1566f184be0386708568d23aca581cead8');
INSERT INTO "clnp_evaluations" VALUES(3,1,93,100,0.93,'21df2f8b972d71d407deb6171bd26e04266a27c500a7aea49eb2fa89e8243bf9');
CREATE TABLE clnp_events (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	kind TEXT NOT NULL, 
	message TEXT NOT NULL, 
	details JSON NOT NULL, 
	CONSTRAINT pk_clnp_events PRIMARY KEY (id), 
	CONSTRAINT fk_clnp_events_run_id FOREIGN KEY(run_id) REFERENCES clnp_runs (id) ON DELETE CASCADE
);
INSERT INTO "clnp_events" VALUES(1,1,'2026-11-25 19:21:27.460526','run','created with 2 tasks','{"config_digest": "3c8c971081dfed20fbbf59685a7613f76378186e850d8845ca8509fb426290e4"}');
INSERT INTO "clnp_events" VALUES(2,1,'2026-11-25 19:21:27.506236','lease','driven by process 3959 on laptop','{"host": "laptop", "pid": 3959, "fence": 1}');
INSERT INTO "clnp_events" VALUES(3,1,'2026-11-25 19:22:00.001411','stage','task 1: pending → sweeping: 4 trials planned','{"task": 1, "from": "pending", "to": "sweeping"}');
INSERT INTO "clnp_events" VALUES(4,1,'2026-11-25 19:22:27.286500','stage','task 1: sweeping → selecting: 4 trials ended','{"task": 1, "from": "sweeping", "to": "selecting"}');
INSERT INTO "clnp_events" VALUES(5,1,'2026-11-25 19:22:41.277700','stage','task 1: selecting → committing: trial 3 chosen','{"task": 1, "from": "selecting", "to": "committing"}');
INSERT INTO "clnp_events" VALUES(6,1,'2026-11-25 19:22:41.373812','stage','task 1: committing → committed: e049e71468f6','{"task": 1, "from": "committing", "to": "committed"}');
INSERT INTO "clnp_events" VALUES(7,1,'2026-11-25 19:22:41.468418','stage','task 2: pending → sweeping: 4 trials planned','{"task": 2, "from": "pending", "to": "sweeping"}');
INSERT INTO "clnp_events" VALUES(8,1,'2026-11-25 19:23:05.415236','stage','task 2: sweeping → selecting: 4 trials ended','{"task": 2, "from": "sweeping", "to": "selecting"}');
INSERT INTO "clnp_events" VALUES(9,1,'2026-11-25 19:23:14.911253','stage','task 2: selecting → committing: trial 1 chosen','{"task": 2, "from": "selecting", "to": "committing"}');
INSERT INTO "clnp_events" VALUES(10,1,'2026-11-25 19:23:15.065305','stage','task 2: committing → committed: 3645557fc413','{"task": 2, "from": "committing", "to": "committed"}');
INSERT INTO "clnp_events" VALUES(11,1,'2026-11-25 19:23:16.568047','lease','released by process 3959 on laptop','{}');
INSERT INTO "clnp_events" VALUES(12,2,'2026-11-25 19:23:22.150492','run','created with 2 tasks','{"config_digest": "c04a23a50d104864915982f6fe416443401e0e8f5bb223d5afe671705631fcad"}');
INSERT INTO "clnp_events" VALUES(13,2,'2026-11-25 19:23:22.168867','lease','driven by process 5613 on laptop','{"host": "laptop", "pid": 5613, "fence": 1}');
INSERT INTO "clnp_events" VALUES(14,2,'2026-11-25 19:23:52.790135','stage','task 1: pending → sweeping: 4 trials planned','{"task": 1, "from": "pending", "to": "sweeping"}');
INSERT INTO "clnp_events" VALUES(15,2,'2026-11-25 19:24:16.588381','stage','task 1: sweeping → selecting: 4 trials ended','{"task": 1, "from": "sweeping", "to": "selecting"}');
INSERT INTO "clnp_events" VALUES(16,2,'2026-11-25 19:24:31.590319','stage','task 1: selecting → committing: trial 3 chosen','{"task": 1, "from": "selecting", "to": "committing"}');
INSERT INTO "clnp_events" VALUES(17,2,'2026-11-25 19:24:31.678326','stage','task 1: committing → committed: e049e71468f6','{"task": 1, "from": "committing", "to": "committed"}');
INSERT INTO "clnp_events" VALUES(18,2,'2026-11-25 19:24:31.764239','stage','task 2: pending → sweeping: 4 trials planned','{"task": 2, "from": "pending", "to": "sweeping"}');
CREATE TABLE clnp_requests (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	details JSON NOT NULL, 
	requested_at DATETIME NOT NULL, 
	answered_at DATETIME, 
	answer TEXT, 
	CONSTRAINT pk_clnp_requests PRIMARY KEY (id), 
	CONSTRAINT fk_clnp_requests_run_id FOREIGN KEY(run_id) REFERENCES clnp_runs (id) ON DELETE CASCADE, 
	CONSTRAINT ck_clnp_requests_kind CHECK (kind IN ('stop', 'cancel'))
);
CREATE TABLE clnp_run_groups (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_clnp_run_groups PRIMARY KEY (id), 
	CONSTRAINT uq_clnp_run_groups_name UNIQUE (name)
);
CREATE TABLE clnp_runs (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	group_id INTEGER, 
	method TEXT NOT NULL, 
	benchmark TEXT NOT NULL, 
	tasks BIGINT NOT NULL, 
	seed BIGINT NOT NULL, 
	margin_points TEXT NOT NULL, 
	config JSON NOT NULL, 
	config_digest TEXT NOT NULL, 
	code_version TEXT NOT NULL, 
	package_versions JSON NOT NULL, 
	environment JSON, 
	forked_from_run_id INTEGER, 
	forked_after_task BIGINT, 
	created_at DATETIME NOT NULL, 
	fence BIGINT NOT NULL, 
	owner_host TEXT, 
	owner_pid BIGINT, 
	owner_process_started FLOAT, 
	owner_driver_id TEXT, 
	lease_ttl_seconds FLOAT, 
	heartbeat_at DATETIME, 
	CONSTRAINT pk_clnp_runs PRIMARY KEY (id), 
	CONSTRAINT fk_clnp_runs_forked_from_run_id FOREIGN KEY(forked_from_run_id) REFERENCES clnp_runs (id) ON DELETE SET NULL, 
	CONSTRAINT fk_clnp_runs_group_id FOREIGN KEY(group_id) REFERENCES clnp_run_groups (id), 
	CONSTRAINT uq_clnp_runs_name UNIQUE (name)
);
INSERT INTO "clnp_runs" VALUES(1,'finished',NULL,'clnp','asset_tasks:Tasks',2,0,'20','{"name": "finished", "seed": 0, "benchmark": {"name": "asset_tasks:Tasks", "tasks": 2, "params": {}, "validation_fraction": null}, "network": {"hidden": [8, 6], "activation": "relu", "head": "single", "head_bias": false}, "training": {"optimizer": "adam", "momentum": 0.0, "weight_decay": 0.0, "batch_size": 50, "epochs": 2, "milestones": [], "gamma": 0.1, "early_stopping_patience": null, "normalize": "unit"}, "sweep": {"sampler": "grid", "protocol": "per-task", "alpha": [0.0001, 0.001], "learning_rate": [0.01, 0.1], "samples": null, "later_tasks": null}, "selection": {"margin_points": "20", "threshold": "shared", "curve_points": 5}, "capacity": {"on_depletion": "stop", "widen_by": null}, "evaluation": {"batch_size": 1000}, "resources": {"cpus_per_trial": 1.0, "gpus_per_trial": 0.0, "max_concurrent_trials": null, "trial_time_limit_seconds": null, "sweep_time_limit_seconds": null, "retries": 2, "threads_per_trial": 1}}','3c8c971081dfed20fbbf59685a7613f76378186e850d8845ca8509fb426290e4','0.1.0+119e5e2ef577','{"python": "3.11.7", "clnp": "0.1.0", "torch": "2.13.0+cpu", "torchvision": "0.28.0", "ray": "2.60.0", "optuna": "5.0.0", "numpy": "2.4.6", "pandas": "3.1.1", "sqlalchemy": "2.1.9", "alembic": "1.20.1", "pydantic": "2.14.3", "safetensors": "0.8.0", "scikit-learn": "1.9.1"}','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+119e5e2ef577", "threads": 1}',NULL,NULL,'2026-11-25 19:21:27.384568',2,NULL,NULL,NULL,NULL,60.0,'2026-11-25 19:23:15.059253');
INSERT INTO "clnp_runs" VALUES(2,'interrupted',NULL,'clnp','asset_tasks:Tasks',2,0,'20','{"name": "interrupted", "seed": 0, "benchmark": {"name": "asset_tasks:Tasks", "tasks": 2, "params": {}, "validation_fraction": null}, "network": {"hidden": [8, 6], "activation": "relu", "head": "single", "head_bias": false}, "training": {"optimizer": "adam", "momentum": 0.0, "weight_decay": 0.0, "batch_size": 50, "epochs": 2, "milestones": [], "gamma": 0.1, "early_stopping_patience": null, "normalize": "unit"}, "sweep": {"sampler": "grid", "protocol": "per-task", "alpha": [0.0001, 0.001], "learning_rate": [0.01, 0.1], "samples": null, "later_tasks": null}, "selection": {"margin_points": "20", "threshold": "shared", "curve_points": 5}, "capacity": {"on_depletion": "stop", "widen_by": null}, "evaluation": {"batch_size": 1000}, "resources": {"cpus_per_trial": 1.0, "gpus_per_trial": 0.0, "max_concurrent_trials": null, "trial_time_limit_seconds": null, "sweep_time_limit_seconds": null, "retries": 2, "threads_per_trial": 1}}','c04a23a50d104864915982f6fe416443401e0e8f5bb223d5afe671705631fcad','0.1.0+119e5e2ef577','{"python": "3.11.7", "clnp": "0.1.0", "torch": "2.13.0+cpu", "torchvision": "0.28.0", "ray": "2.60.0", "optuna": "5.0.0", "numpy": "2.4.6", "pandas": "3.1.1", "sqlalchemy": "2.1.9", "alembic": "1.20.1", "pydantic": "2.14.3", "safetensors": "0.8.0", "scikit-learn": "1.9.1"}','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+119e5e2ef577", "threads": 1}',NULL,NULL,'2026-11-25 19:23:22.097915',1,'laptop',5613,1795634599.33,'e59da78f8aa1419793c8392effaad9f2',60.0,'2026-11-25 19:24:58.193115');
CREATE TABLE clnp_selections (
	id INTEGER NOT NULL, 
	stage_id INTEGER NOT NULL, 
	chosen_trial_id INTEGER NOT NULL, 
	best_val_correct BIGINT NOT NULL, 
	val_total BIGINT NOT NULL, 
	margin_points TEXT NOT NULL, 
	picked JSON NOT NULL, 
	thresholds JSON NOT NULL, 
	pruned_val_correct BIGINT NOT NULL, 
	free_neurons BIGINT NOT NULL, 
	hidden_total BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	scan_seconds FLOAT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_clnp_selections PRIMARY KEY (id), 
	CONSTRAINT fk_clnp_selections_chosen_trial_id FOREIGN KEY(chosen_trial_id) REFERENCES clnp_trials (id) ON DELETE CASCADE, 
	CONSTRAINT fk_clnp_selections_stage_id FOREIGN KEY(stage_id) REFERENCES clnp_stages (id) ON DELETE CASCADE, 
	CONSTRAINT uq_clnp_selections_stage_id UNIQUE (stage_id)
);
INSERT INTO "clnp_selections" VALUES(1,1,4,97,100,'20','[2, 3]','[0.330433391481638, 0.330433391481638]',95,9,14,'sparsest within the margin: 9 neurons free, 95 of 100 correct after pruning',1.39706304190003720582e+01,'2026-11-25 19:22:41.277805');
INSERT INTO "clnp_selections" VALUES(2,2,6,78,100,'20','[1]','[0.38520130060613156, 0.38520130060613156]',71,4,14,'sparsest within the margin: 4 neurons free, 71 of 100 correct after pruning',9.47370788500120397657e+00,'2026-11-25 19:23:14.911383');
INSERT INTO "clnp_selections" VALUES(3,3,12,97,100,'20','[2, 3]','[0.330433391481638, 0.330433391481638]',95,9,14,'sparsest within the margin: 9 neurons free, 95 of 100 correct after pruning',1.4978042319999076426e+01,'2026-11-25 19:24:31.590406');
CREATE TABLE clnp_stages (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	task BIGINT NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	failed_from VARCHAR(32), 
	reason TEXT, 
	train_total BIGINT, 
	val_total BIGINT, 
	test_total BIGINT, 
	input_shape JSON, 
	classes BIGINT, 
	split_digest TEXT, 
	task_fingerprint TEXT, 
	environment JSON, 
	architecture JSON, 
	base_digest TEXT, 
	sweep_started_at DATETIME, 
	sweep_ended_at DATETIME, 
	selected_at DATETIME, 
	ended_at DATETIME, 
	CONSTRAINT pk_clnp_stages PRIMARY KEY (id), 
	CONSTRAINT ck_clnp_stages_task CHECK (task >= 1), 
	CONSTRAINT fk_clnp_stages_run_id FOREIGN KEY(run_id) REFERENCES clnp_runs (id) ON DELETE CASCADE, 
	CONSTRAINT uq_clnp_stages_run_id_task UNIQUE (run_id, task), 
	CONSTRAINT ck_clnp_stages_state CHECK (state IN ('pending', 'sweeping', 'selecting', 'committing', 'committed', 'failed', 'depleted')), 
	CONSTRAINT ck_clnp_stages_failed_from CHECK (failed_from IN ('pending', 'sweeping', 'selecting', 'committing', 'committed', 'failed', 'depleted'))
);
INSERT INTO "clnp_stages" VALUES(1,1,1,'committed',NULL,NULL,200,100,100,'[6]',2,'86ee26919c2f7aa151616d3d8ced2bb79a748bbac3036227ff7365c6487d5334','07e68a55432ef1de6e7d046b39f61298ae7543ea170206a0644d2d51da5c36c1','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+119e5e2ef577", "threads": 1}','{"inputs": 6, "hidden": [8, 6], "classes": 2, "activation": "relu", "head": "single", "head_bias": false}',NULL,'2026-11-25 19:22:00.001597','2026-11-25 19:22:27.286639','2026-11-25 19:22:41.277805','2026-11-25 19:22:41.373894');
INSERT INTO "clnp_stages" VALUES(2,1,2,'committed',NULL,NULL,200,100,100,'[6]',2,'e653991c6857c336b3b09c37491c7e38a08b56b8b3ab876862f9fe7df31a70b9','489739ae5cb36847979469bfda1bb0e1294e97559dfc031ebbc1e0472c6bc75c','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+119e5e2ef577", "threads": 1}','{"inputs": 6, "hidden": [8, 6], "classes": 2, "activation": "relu", "head": "single", "head_bias": false}','e049e71468f6e7589a446c4fa417c530944a18d56daff88d7337cc7c6ef1ab1c','2026-11-25 19:22:41.468511','2026-11-25 19:23:05.415370','2026-11-25 19:23:14.911383','2026-11-25 19:23:15.065449');
INSERT INTO "clnp_stages" VALUES(3,2,1,'committed',NULL,NULL,200,100,100,'[6]',2,'86ee26919c2f7aa151616d3d8ced2bb79a748bbac3036227ff7365c6487d5334','07e68a55432ef1de6e7d046b39f61298ae7543ea170206a0644d2d51da5c36c1','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+119e5e2ef577", "threads": 1}','{"inputs": 6, "hidden": [8, 6], "classes": 2, "activation": "relu", "head": "single", "head_bias": false}',NULL,'2026-11-25 19:23:52.790289','2026-11-25 19:24:16.588483','2026-11-25 19:24:31.590406','2026-11-25 19:24:31.680041');
INSERT INTO "clnp_stages" VALUES(4,2,2,'sweeping',NULL,NULL,200,100,100,'[6]',2,'e653991c6857c336b3b09c37491c7e38a08b56b8b3ab876862f9fe7df31a70b9','489739ae5cb36847979469bfda1bb0e1294e97559dfc031ebbc1e0472c6bc75c','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+119e5e2ef577", "threads": 1}','{"inputs": 6, "hidden": [8, 6], "classes": 2, "activation": "relu", "head": "single", "head_bias": false}','e049e71468f6e7589a446c4fa417c530944a18d56daff88d7337cc7c6ef1ab1c','2026-11-25 19:24:31.764336',NULL,NULL,NULL);
CREATE TABLE clnp_threshold_points (
	trial_id INTEGER NOT NULL, 
	position BIGINT NOT NULL, 
	threshold FLOAT NOT NULL, 
	val_correct BIGINT NOT NULL, 
	free_neurons BIGINT NOT NULL, 
	CONSTRAINT pk_clnp_threshold_points PRIMARY KEY (trial_id, position), 
	CONSTRAINT fk_clnp_threshold_points_trial_id FOREIGN KEY(trial_id) REFERENCES clnp_trials (id) ON DELETE CASCADE
);
INSERT INTO "clnp_threshold_points" VALUES(2,0,0.0,67,8);
INSERT INTO "clnp_threshold_points" VALUES(2,1,2.32363246381282794253e-03,67,10);
INSERT INTO "clnp_threshold_points" VALUES(2,2,2.09341882541775707593e-02,65,11);
INSERT INTO "clnp_threshold_points" VALUES(2,3,1.72363677397370351762e-01,57,12);
INSERT INTO "clnp_threshold_points" VALUES(2,4,6.10353784114122444037e-01,43,14);
INSERT INTO "clnp_threshold_points" VALUES(3,0,0.0,84,0);
INSERT INTO "clnp_threshold_points" VALUES(3,1,1.69182164967060094662e-02,84,4);
INSERT INTO "clnp_threshold_points" VALUES(3,2,9.62893265485763594213e-02,65,7);
INSERT INTO "clnp_threshold_points" VALUES(3,3,2.52982052806764834418e-01,43,10);
INSERT INTO "clnp_threshold_points" VALUES(3,4,7.64929778873920440673e-01,43,14);
INSERT INTO "clnp_threshold_points" VALUES(1,0,0.0,43,3);
INSERT INTO "clnp_threshold_points" VALUES(1,1,4.55456095933914201223e-02,43,6);
INSERT INTO "clnp_threshold_points" VALUES(1,2,8.1217287108302116394e-02,43,8);
INSERT INTO "clnp_threshold_points" VALUES(1,3,1.53481697514653209202e-01,43,11);
INSERT INTO "clnp_threshold_points" VALUES(1,4,3.85699299275875095993e-01,43,14);
INSERT INTO "clnp_threshold_points" VALUES(4,0,0.0,97,7);
INSERT INTO "clnp_threshold_points" VALUES(4,1,0.330433391481638,95,9);
INSERT INTO "clnp_threshold_points" VALUES(4,2,5.44032122790813477131e-01,76,10);
INSERT INTO "clnp_threshold_points" VALUES(4,3,7.20231109708547645453e-01,43,12);
INSERT INTO "clnp_threshold_points" VALUES(4,4,7.67852272838354110717e-01,43,14);
INSERT INTO "clnp_threshold_points" VALUES(6,0,0.0,78,2);
INSERT INTO "clnp_threshold_points" VALUES(6,1,3.8520130060613155809e-01,71,4);
INSERT INTO "clnp_threshold_points" VALUES(6,2,5.57684137672185942236e-01,55,5);
INSERT INTO "clnp_threshold_points" VALUES(6,3,9.96255598366260541887e-01,47,7);
INSERT INTO "clnp_threshold_points" VALUES(6,4,1.2629208493232726429e+00,53,9);
INSERT INTO "clnp_threshold_points" VALUES(7,0,0.0,47,3);
INSERT INTO "clnp_threshold_points" VALUES(7,1,3.69877566397190105096e-02,47,5);
INSERT INTO "clnp_threshold_points" VALUES(7,2,7.69306647032499263394e-02,47,6);
INSERT INTO "clnp_threshold_points" VALUES(7,3,3.14316299930214870794e-01,47,7);
INSERT INTO "clnp_threshold_points" VALUES(7,4,5.63637899830937372236e-01,53,9);
INSERT INTO "clnp_threshold_points" VALUES(8,0,0.0,53,6);
INSERT INTO "clnp_threshold_points" VALUES(8,1,2.29703948646783825959e-02,53,7);
INSERT INTO "clnp_threshold_points" VALUES(8,2,6.85983322709798781779e-01,53,8);
INSERT INTO "clnp_threshold_points" VALUES(8,3,7.83387465327978094187e-01,53,9);
INSERT INTO "clnp_threshold_points" VALUES(5,0,0.0,48,3);
INSERT INTO "clnp_threshold_points" VALUES(5,1,1.62345135211944581465e-02,52,5);
INSERT INTO "clnp_threshold_points" VALUES(5,2,4.37740104645490679668e-02,52,6);
INSERT INTO "clnp_threshold_points" VALUES(5,3,5.81761924922466269749e-02,49,7);
INSERT INTO "clnp_threshold_points" VALUES(5,4,1.93305904120206845098e-01,53,9);
INSERT INTO "clnp_threshold_points" VALUES(10,0,0.0,67,8);
INSERT INTO "clnp_threshold_points" VALUES(10,1,2.32363246381282794253e-03,67,10);
INSERT INTO "clnp_threshold_points" VALUES(10,2,2.09341882541775707593e-02,65,11);
INSERT INTO "clnp_threshold_points" VALUES(10,3,1.72363677397370351762e-01,57,12);
INSERT INTO "clnp_threshold_points" VALUES(10,4,6.10353784114122444037e-01,43,14);
INSERT INTO "clnp_threshold_points" VALUES(9,0,0.0,43,3);
INSERT INTO "clnp_threshold_points" VALUES(9,1,4.55456095933914201223e-02,43,6);
INSERT INTO "clnp_threshold_points" VALUES(9,2,8.1217287108302116394e-02,43,8);
INSERT INTO "clnp_threshold_points" VALUES(9,3,1.53481697514653209202e-01,43,11);
INSERT INTO "clnp_threshold_points" VALUES(9,4,3.85699299275875095993e-01,43,14);
INSERT INTO "clnp_threshold_points" VALUES(11,0,0.0,84,0);
INSERT INTO "clnp_threshold_points" VALUES(11,1,1.69182164967060094662e-02,84,4);
INSERT INTO "clnp_threshold_points" VALUES(11,2,9.62893265485763594213e-02,65,7);
INSERT INTO "clnp_threshold_points" VALUES(11,3,2.52982052806764834418e-01,43,10);
INSERT INTO "clnp_threshold_points" VALUES(11,4,7.64929778873920440673e-01,43,14);
INSERT INTO "clnp_threshold_points" VALUES(12,0,0.0,97,7);
INSERT INTO "clnp_threshold_points" VALUES(12,1,0.330433391481638,95,9);
INSERT INTO "clnp_threshold_points" VALUES(12,2,5.44032122790813477131e-01,76,10);
INSERT INTO "clnp_threshold_points" VALUES(12,3,7.20231109708547645453e-01,43,12);
INSERT INTO "clnp_threshold_points" VALUES(12,4,7.67852272838354110717e-01,43,14);
INSERT INTO "clnp_threshold_points" VALUES(13,0,0.0,48,3);
INSERT INTO "clnp_threshold_points" VALUES(13,1,1.62345135211944581465e-02,52,5);
INSERT INTO "clnp_threshold_points" VALUES(13,2,4.37740104645490679668e-02,52,6);
INSERT INTO "clnp_threshold_points" VALUES(13,3,5.81761924922466269749e-02,49,7);
INSERT INTO "clnp_threshold_points" VALUES(13,4,1.93305904120206845098e-01,53,9);
INSERT INTO "clnp_threshold_points" VALUES(15,0,0.0,47,3);
INSERT INTO "clnp_threshold_points" VALUES(15,1,3.69877566397190105096e-02,47,5);
INSERT INTO "clnp_threshold_points" VALUES(15,2,7.69306647032499263394e-02,47,6);
INSERT INTO "clnp_threshold_points" VALUES(15,3,3.14316299930214870794e-01,47,7);
INSERT INTO "clnp_threshold_points" VALUES(15,4,5.63637899830937372236e-01,53,9);
CREATE TABLE clnp_trials (
	id INTEGER NOT NULL, 
	stage_id INTEGER NOT NULL, 
	number BIGINT NOT NULL, 
	"key" TEXT NOT NULL, 
	alpha JSON NOT NULL, 
	learning_rate FLOAT NOT NULL, 
	seed BIGINT NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	failure_kind VARCHAR(32), 
	failure_reason TEXT, 
	attempts BIGINT NOT NULL, 
	ray_trial_id TEXT, 
	host TEXT, 
	device TEXT, 
	val_correct BIGINT, 
	val_total BIGINT, 
	val_accuracy FLOAT, 
	hidden_total BIGINT, 
	best_epoch BIGINT, 
	epochs_run BIGINT, 
	train_seconds FLOAT, 
	total_seconds FLOAT, 
	artifact_digest TEXT, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	finished_at DATETIME, 
	CONSTRAINT pk_clnp_trials PRIMARY KEY (id), 
	CONSTRAINT ck_clnp_trials_val_correct CHECK (val_correct BETWEEN 0 AND val_total), 
	CONSTRAINT fk_clnp_trials_artifact_digest FOREIGN KEY(artifact_digest) REFERENCES clnp_artifacts (digest), 
	CONSTRAINT fk_clnp_trials_stage_id FOREIGN KEY(stage_id) REFERENCES clnp_stages (id) ON DELETE CASCADE, 
	CONSTRAINT uq_clnp_trials_stage_id_number UNIQUE (stage_id, number), 
	CONSTRAINT ck_clnp_trials_state CHECK (state IN ('pending', 'running', 'finished', 'failed')), 
	CONSTRAINT ck_clnp_trials_failure_kind CHECK (failure_kind IN ('diverged', 'timed out', 'error', 'lost'))
);
INSERT INTO "clnp_trials" VALUES(1,1,0,'1e23f50e051a002b39070d47c447ace3af85b7a19df0972ccbeaea4cf0abbbf8','[0.0001, 0.0001, 0.0001]',0.01,234972100220598050,'finished',NULL,NULL,1,'7caab_00000','laptop','cpu',43,100,0.43,14,1,2,5.44192930010467534884e-02,5.48719657899891899432e+00,'319ce5372e2b0b99d22cb9e7858194ceb445ece66690b15cafc70b35dd3a451c','2026-11-25 19:22:00.001607','2026-11-25 19:22:21.470282','2026-11-25 19:22:26.997996');
INSERT INTO "clnp_trials" VALUES(2,1,1,'4cce27d8e0d69d2531565c770d63123b64e4fb49ac87f676f5c77a4d4f8ffc6a','[0.0001, 0.0001, 0.0001]',0.1,323180495949217406,'finished',NULL,NULL,1,'7caab_00001','laptop','cpu',67,100,0.67,14,2,2,1.26466130999688175506e-01,5.7317654479993507266e+00,'0953d17240b4ae2b3345f88c3edce4c1724fdca33520110ff60c2910e85cfb2d','2026-11-25 19:22:00.001607','2026-11-25 19:22:21.035438','2026-11-25 19:22:26.806999');
INSERT INTO "clnp_trials" VALUES(3,1,2,'7139edfa2c00ec91e532044fece8e72264637536de59d92e33fd3cebb3b7a325','[0.001, 0.001, 0.001]',0.01,5529686089546115419,'finished',NULL,NULL,1,'7caab_00002','laptop','cpu',84,100,0.84,14,1,2,3.80973769988486310467e-02,5.155989199920441024e-02,'6fa12151c78d64aaff51720cb2533ae58c0c15465271639f06b521746050f973','2026-11-25 19:22:00.001607','2026-11-25 19:22:26.850403','2026-11-25 19:22:26.962887');
INSERT INTO "clnp_trials" VALUES(4,1,3,'71f6f9f3ac73440906fd8f51c8f95f02e7d756e2c3b6932b34c092fb8e1a1561','[0.001, 0.001, 0.001]',0.1,7076487077137812119,'finished',NULL,NULL,1,'7caab_00003','laptop','cpu',97,100,0.97,14,2,2,6.37201429999549873173e-02,1.27150735001123393885e-01,'d2f213471674edd6a32b687b1ce19dae4d7ff436589544e6f6bd02d40507d9f6','2026-11-25 19:22:00.001607','2026-11-25 19:22:27.019960','2026-11-25 19:22:27.178935');
INSERT INTO "clnp_trials" VALUES(5,2,0,'e9e31813e87bef5b81b09d43203ef2b29915d7d6c776e6ba81de5efa8d40394d','[0.0001, 0.0001, 0.0001]',0.01,3567769904629690534,'finished',NULL,NULL,1,'955bb_00000','laptop','cpu',48,100,0.48,14,2,2,5.50161020000814460217e-02,6.55597527000099944416e+00,'9f17e34957ff6e9d26b270b0170b45a1b360fbb5c3420578dd105bc6b36bd894','2026-11-25 19:22:41.468517','2026-11-25 19:22:58.745248','2026-11-25 19:23:05.320217');
INSERT INTO "clnp_trials" VALUES(6,2,1,'d2c82d426b410f59d0d29467013cd70f0fb03e62b8d75c0965b2f5d9f0c7f258','[0.0001, 0.0001, 0.0001]',0.1,2139047147786998183,'finished',NULL,NULL,1,'955bb_00001','laptop','cpu',78,100,0.78,14,1,2,8.57892359999823383986e-02,5.44736819600075250491e+00,'363a8537ece9665c9d7a986914e0fc46ed00bfbbfa18038d4ed6268cc396ddb1','2026-11-25 19:22:41.468517','2026-11-25 19:22:59.059566','2026-11-25 19:23:04.523347');
INSERT INTO "clnp_trials" VALUES(7,2,2,'a6e64054266ce1ca70452e9c014b2fd9513ee1d2a3f9aab26ec86404c535bc48','[0.001, 0.001, 0.001]',0.01,7031622809965718910,'finished',NULL,NULL,1,'955bb_00002','laptop','cpu',47,100,0.47,14,1,2,6.50520609997329302132e-02,1.1852328699933423195e-01,'6196382ad3b685d712bb0f1445a1a589c9feec63be41ec470b827a364b67dbe2','2026-11-25 19:22:41.468517','2026-11-25 19:23:04.550820','2026-11-25 19:23:04.699821');
INSERT INTO "clnp_trials" VALUES(8,2,3,'4c3ca9d76297dad849aae95b72eb5419e07eaa11936aee3db41702421c05561f','[0.001, 0.001, 0.001]',0.1,5237356913842823507,'finished',NULL,NULL,1,'955bb_00003','laptop','cpu',53,100,0.53,14,1,2,3.41024259996629552915e-02,7.9833498000880354084e-02,'297fb5816fa9d152ba8937a1ac78740d94bb9d08433b60830f6552050566f3b6','2026-11-25 19:22:41.468517','2026-11-25 19:23:04.718066','2026-11-25 19:23:04.869720');
INSERT INTO "clnp_trials" VALUES(9,3,0,'1e23f50e051a002b39070d47c447ace3af85b7a19df0972ccbeaea4cf0abbbf8','[0.0001, 0.0001, 0.0001]',0.01,234972100220598050,'finished',NULL,NULL,1,'bfe02_00000','laptop','cpu',43,100,0.43,14,1,2,0.0965574989986635,5.62991498499832232482e+00,'319ce5372e2b0b99d22cb9e7858194ceb445ece66690b15cafc70b35dd3a451c','2026-11-25 19:23:52.790297','2026-11-25 19:24:10.751185','2026-11-25 19:24:16.425224');
INSERT INTO "clnp_trials" VALUES(10,3,1,'4cce27d8e0d69d2531565c770d63123b64e4fb49ac87f676f5c77a4d4f8ffc6a','[0.0001, 0.0001, 0.0001]',0.1,323180495949217406,'finished',NULL,NULL,1,'bfe02_00001','laptop','cpu',67,100,0.67,14,2,2,1.00297491000674199312e-01,6.19334715500008314847e+00,'0953d17240b4ae2b3345f88c3edce4c1724fdca33520110ff60c2910e85cfb2d','2026-11-25 19:23:52.790297','2026-11-25 19:24:10.129362','2026-11-25 19:24:16.365696');
INSERT INTO "clnp_trials" VALUES(11,3,2,'7139edfa2c00ec91e532044fece8e72264637536de59d92e33fd3cebb3b7a325','[0.001, 0.001, 0.001]',0.01,5529686089546115419,'finished',NULL,NULL,1,'bfe02_00002','laptop','cpu',84,100,0.84,14,1,2,3.76647459997911937534e-02,6.29120289995626080781e-02,'6fa12151c78d64aaff51720cb2533ae58c0c15465271639f06b521746050f973','2026-11-25 19:23:52.790297','2026-11-25 19:24:16.396559','2026-11-25 19:24:16.499629');
INSERT INTO "clnp_trials" VALUES(12,3,3,'71f6f9f3ac73440906fd8f51c8f95f02e7d756e2c3b6932b34c092fb8e1a1561','[0.001, 0.001, 0.001]',0.1,7076487077137812119,'finished',NULL,NULL,1,'bfe02_00003','laptop','cpu',97,100,0.97,14,2,2,2.46604310013935901224e-02,3.52739529989776201546e-02,'d2f213471674edd6a32b687b1ce19dae4d7ff436589544e6f6bd02d40507d9f6','2026-11-25 19:23:52.790297','2026-11-25 19:24:16.446086','2026-11-25 19:24:16.514915');
INSERT INTO "clnp_trials" VALUES(13,4,0,'e9e31813e87bef5b81b09d43203ef2b29915d7d6c776e6ba81de5efa8d40394d','[0.0001, 0.0001, 0.0001]',0.01,3567769904629690534,'finished',NULL,NULL,1,'d71b0_00000','laptop','cpu',48,100,0.48,14,2,2,1.04028026000378304161e-01,7.41649093100022582802e+00,'9f17e34957ff6e9d26b270b0170b45a1b360fbb5c3420578dd105bc6b36bd894','2026-11-25 19:24:31.764343','2026-11-25 19:24:50.602159','2026-11-25 19:24:58.044813');
INSERT INTO "clnp_trials" VALUES(14,4,1,'d2c82d426b410f59d0d29467013cd70f0fb03e62b8d75c0965b2f5d9f0c7f258','[0.0001, 0.0001, 0.0001]',0.1,2139047147786998183,'running',NULL,NULL,1,'d71b0_00001','','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-25 19:24:31.764343','2026-11-25 19:24:52.360235',NULL);
INSERT INTO "clnp_trials" VALUES(15,4,2,'a6e64054266ce1ca70452e9c014b2fd9513ee1d2a3f9aab26ec86404c535bc48','[0.001, 0.001, 0.001]',0.01,7031622809965718910,'finished',NULL,NULL,1,'d71b0_00002','laptop','cpu',47,100,0.47,14,1,2,2.84507790001953253522e-02,0.0548234620000585,'6196382ad3b685d712bb0f1445a1a589c9feec63be41ec470b827a364b67dbe2','2026-11-25 19:24:31.764343','2026-11-25 19:24:58.061953','2026-11-25 19:24:58.154394');
INSERT INTO "clnp_trials" VALUES(16,4,3,'4c3ca9d76297dad849aae95b72eb5419e07eaa11936aee3db41702421c05561f','[0.001, 0.001, 0.001]',0.1,5237356913842823507,'running',NULL,NULL,1,'d71b0_00003','','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-25 19:24:31.764343','2026-11-25 19:24:58.197551',NULL);
CREATE TABLE clnp_verdicts (
	trial_id INTEGER NOT NULL, 
	selection_id INTEGER NOT NULL, 
	verdict VARCHAR(32) NOT NULL, 
	reason TEXT NOT NULL, 
	thresholds JSON, 
	pruned_val_correct BIGINT, 
	free_neurons BIGINT, 
	CONSTRAINT pk_clnp_verdicts PRIMARY KEY (trial_id), 
	CONSTRAINT fk_clnp_verdicts_selection_id FOREIGN KEY(selection_id) REFERENCES clnp_selections (id) ON DELETE CASCADE, 
	CONSTRAINT fk_clnp_verdicts_trial_id FOREIGN KEY(trial_id) REFERENCES clnp_trials (id) ON DELETE CASCADE, 
	CONSTRAINT ck_clnp_verdicts_verdict CHECK (verdict IN ('chosen', 'sparser one exists', 'worse tie', 'outside margin', 'failed'))
);
INSERT INTO "clnp_verdicts" VALUES(1,1,'outside margin','43 of 100 correct, 34 short of the 77 that the margin asks for',NULL,NULL,NULL);
INSERT INTO "clnp_verdicts" VALUES(2,1,'outside margin','67 of 100 correct, 10 short of the 77 that the margin asks for',NULL,NULL,NULL);
INSERT INTO "clnp_verdicts" VALUES(3,1,'sparser one exists','5 neurons free, trial 3 leaves 9','[0.08012968996539711, 0.08012968996539711]',83,5);
INSERT INTO "clnp_verdicts" VALUES(4,1,'chosen','sparsest within the margin: 9 neurons free, 95 of 100 correct after pruning','[0.330433391481638, 0.330433391481638]',95,9);
INSERT INTO "clnp_verdicts" VALUES(5,2,'outside margin','48 of 100 correct, 10 short of the 58 that the margin asks for',NULL,NULL,NULL);
INSERT INTO "clnp_verdicts" VALUES(6,2,'chosen','sparsest within the margin: 4 neurons free, 71 of 100 correct after pruning','[0.38520130060613156, 0.38520130060613156]',71,4);
INSERT INTO "clnp_verdicts" VALUES(7,2,'outside margin','47 of 100 correct, 11 short of the 58 that the margin asks for',NULL,NULL,NULL);
INSERT INTO "clnp_verdicts" VALUES(8,2,'outside margin','53 of 100 correct, 5 short of the 58 that the margin asks for',NULL,NULL,NULL);
INSERT INTO "clnp_verdicts" VALUES(9,3,'outside margin','43 of 100 correct, 34 short of the 77 that the margin asks for',NULL,NULL,NULL);
INSERT INTO "clnp_verdicts" VALUES(10,3,'outside margin','67 of 100 correct, 10 short of the 77 that the margin asks for',NULL,NULL,NULL);
INSERT INTO "clnp_verdicts" VALUES(11,3,'sparser one exists','5 neurons free, trial 3 leaves 9','[0.08012968996539711, 0.08012968996539711]',83,5);
INSERT INTO "clnp_verdicts" VALUES(12,3,'chosen','sparsest within the margin: 9 neurons free, 95 of 100 correct after pruning','[0.330433391481638, 0.330433391481638]',95,9);
CREATE INDEX ix_clnp_runs_forked_from_run_id ON clnp_runs (forked_from_run_id);
CREATE INDEX ix_clnp_runs_group_id ON clnp_runs (group_id);
CREATE INDEX ix_clnp_events_run_id_id ON clnp_events (run_id, id);
CREATE INDEX ix_clnp_requests_run_id ON clnp_requests (run_id);
CREATE INDEX ix_clnp_commits_digest ON clnp_commits (digest);
CREATE INDEX ix_clnp_commits_parent_digest ON clnp_commits (parent_digest);
CREATE INDEX ix_clnp_trials_artifact_digest ON clnp_trials (artifact_digest);
CREATE INDEX ix_clnp_trials_key ON clnp_trials ("key");
CREATE INDEX ix_clnp_trials_stage_id_state ON clnp_trials (stage_id, state);
CREATE INDEX ix_clnp_selections_chosen_trial_id ON clnp_selections (chosen_trial_id);
CREATE INDEX ix_clnp_verdicts_selection_id ON clnp_verdicts (selection_id);
CREATE VIEW clnp_v_runs AS
WITH standing AS (
    SELECT r.id AS run_id,
           r.owner_driver_id IS NOT NULL AND (julianday('now') - julianday(r.heartbeat_at)) * 86400 < r.lease_ttl_seconds AS driver_lives,
           EXISTS (SELECT 1 FROM clnp_requests q WHERE q.run_id = r.id AND q.kind = 'cancel') AS cancel_requested,
           COUNT(*) AS stages,
           SUM(CASE WHEN s.state = 'committed' THEN 1 ELSE 0 END) AS committed,
           SUM(CASE WHEN s.state = 'depleted' THEN 1 ELSE 0 END) AS depleted,
           SUM(CASE WHEN s.state = 'failed' THEN 1 ELSE 0 END) AS failed
    FROM clnp_runs r JOIN clnp_stages s ON s.run_id = r.id
    GROUP BY r.id, r.owner_driver_id, r.heartbeat_at, r.lease_ttl_seconds
)
SELECT r.name AS run, g.name AS run_group,
       CASE WHEN t.committed = t.stages THEN 'completed'
            WHEN t.depleted > 0 THEN 'depleted'
            WHEN t.cancel_requested AND (t.driver_lives IS NULL OR NOT t.driver_lives) THEN 'cancelled'
            WHEN t.failed > 0 THEN 'failed'
            WHEN t.driver_lives THEN 'running'
            ELSE 'stopped' END AS state,
       r.method, r.benchmark, r.tasks, t.committed AS tasks_committed, r.seed, r.margin_points,
       (SELECT AVG(e.test_accuracy) FROM clnp_evaluations e
        JOIN clnp_commits c ON c.id = e.commit_id JOIN clnp_stages s ON s.id = c.stage_id
        WHERE s.run_id = r.id AND s.task = (
            SELECT MAX(last.task) FROM clnp_stages last WHERE last.run_id = r.id AND last.state = 'committed')
       ) AS mean_test_accuracy,
       r.config_digest, r.code_version, r.created_at
FROM clnp_runs r JOIN standing t ON t.run_id = r.id LEFT JOIN clnp_run_groups g ON g.id = r.group_id;
CREATE VIEW clnp_v_trials AS
SELECT r.name AS run, s.task, t.number, t.state, t.alpha, t.learning_rate, t.seed,
       t.val_correct, t.val_total, t.val_accuracy, v.verdict, v.reason AS verdict_reason,
       v.pruned_val_correct, CAST(v.pruned_val_correct AS DOUBLE PRECISION) / t.val_total AS pruned_val_accuracy,
       v.free_neurons, t.hidden_total, CAST(v.free_neurons AS DOUBLE PRECISION) / t.hidden_total AS sparsity, v.thresholds,
       t.failure_kind, t.failure_reason, t.attempts, t.best_epoch, t.epochs_run, t.train_seconds, t.total_seconds,
       t.host, t.device, t.key, t.artifact_digest, t.started_at, t.finished_at
FROM clnp_trials t
JOIN clnp_stages s ON s.id = t.stage_id
JOIN clnp_runs r ON r.id = s.run_id
LEFT JOIN clnp_verdicts v ON v.trial_id = t.id;
CREATE VIEW clnp_v_accuracy_matrix AS
SELECT r.name AS run, s.task AS after_task, e.on_task, e.test_correct, e.test_total, e.test_accuracy,
       c.digest AS commit_digest
FROM clnp_evaluations e
JOIN clnp_commits c ON c.id = e.commit_id
JOIN clnp_stages s ON s.id = c.stage_id
JOIN clnp_runs r ON r.id = s.run_id;
CREATE VIEW clnp_v_capacity AS
SELECT r.name AS run, s.task, k.layer, k.total_neurons, k.used_neurons, k.new_neurons, k.reused_neurons, k.free_neurons,
       CAST(k.used_neurons AS DOUBLE PRECISION) / k.total_neurons AS used_fraction
FROM clnp_capacity k
JOIN clnp_commits c ON c.id = k.commit_id
JOIN clnp_stages s ON s.id = c.stage_id
JOIN clnp_runs r ON r.id = s.run_id;
COMMIT;
