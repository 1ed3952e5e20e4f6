BEGIN TRANSACTION;
CREATE TABLE clnp_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT clnp_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "clnp_alembic_version" VALUES('0004');
CREATE TABLE clnp_artifacts (
	digest TEXT NOT NULL, 
	artifact_bytes BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	removed_at DATETIME, 
	CONSTRAINT pk_clnp_artifacts PRIMARY KEY (digest)
);
INSERT INTO "clnp_artifacts" VALUES('a675a761e541fd70e14427101270b42022ce11cbb12e596179582efc00a0d27b',1788,'2026-11-25 19:29:23.844216',NULL);
INSERT INTO "clnp_artifacts" VALUES('ea7f0b4604ad705e975a382bf8f9bf25158c55e4f9a5ebe409cbe46520994565',1788,'2026-11-25 19:29:23.969091',NULL);
INSERT INTO "clnp_artifacts" VALUES('5fb757cdd3b56bbf1ae1c65fc2577cf61552cca55b023cd89836d612101c9379',1788,'2026-11-25 19:29:24.011668',NULL);
INSERT INTO "clnp_artifacts" VALUES('56e671bd9a9b766269341e984ca7057e037651e55774c5446ef4c0a0f2dacb3d',1788,'2026-11-25 19:29:24.207348',NULL);
INSERT INTO "clnp_artifacts" VALUES('e06c315a2c6d70582201ca0fbebe63ef478af7be430061732410c3b85a050806',1548,'2026-11-25 19:29:33.642798',NULL);
INSERT INTO "clnp_artifacts" VALUES('ca4ec7030ec716728f92acb0bed92b6274a0e3a9eb75e625edbd876036aa1c2e',1852,'2026-11-25 19:29:55.353780',NULL);
INSERT INTO "clnp_artifacts" VALUES('725b123bee98c0965d3146ba11e425a3142c8bb87dac10f6416aeeca2a9b20ad',1852,'2026-11-25 19:29:55.518667',NULL);
INSERT INTO "clnp_artifacts" VALUES('5f9508c8c284a7a8c3a34ee9af587314f859ef25ba4d5ff841eea9ebd810f4af',1852,'2026-11-25 19:29:55.600694',NULL);
INSERT INTO "clnp_artifacts" VALUES('d0b9a97f5427cf569217b6af644d10b57d64c255b048c2458c22a994c7f460cd',1852,'2026-11-25 19:29:56.360026',NULL);
INSERT INTO "clnp_artifacts" VALUES('a89b13b8c5684b2cadb3fb31be8668dc76f063cd81cb9e1ce6022f59f48ac334',1612,'2026-11-25 19:30:02.757509',NULL);
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
	created_at DATETIME NOT NULL, val_correct BIGINT, val_total BIGINT, fine_tuning JSON, 
	CONSTRAINT pk_clnp_commits PRIMARY KEY (id), 
	CONSTRAINT fk_clnp_commits_digest FOREIGN KEY(digest) REFERENCES clnp_artifacts (digest), 
	CONSTRAINT fk_clnp_commits_stage_id FOREIGN KEY(stage_id) REFERENCES clnp_stages (id) ON DELETE CASCADE, 
	CONSTRAINT uq_clnp_commits_stage_id UNIQUE (stage_id)
);
INSERT INTO "clnp_commits" VALUES(1,1,'e06c315a2c6d70582201ca0fbebe63ef478af7be430061732410c3b85a050806',NULL,'{"task": 1, "tasks_compared": [], "samples_compared": 0, "widened": false}',2.35169870011304738e-02,'2026-11-25 19:29:33.642798',95,100,NULL);
INSERT INTO "clnp_commits" VALUES(2,2,'a89b13b8c5684b2cadb3fb31be8668dc76f063cd81cb9e1ce6022f59f48ac334','e06c315a2c6d70582201ca0fbebe63ef478af7be430061732410c3b85a050806','{"task": 2, "tasks_compared": [1], "samples_compared": 100, "widened": false}',2.35048350004944950342e-02,'2026-11-25 19:30:02.757509',71,100,NULL);
INSERT INTO "clnp_commits" VALUES(3,3,'e06c315a2c6d70582201ca0fbebe63ef478af7be430061732410c3b85a050806',NULL,'{"task": 1, "tasks_compared": [], "samples_compared": 0, "widened": false}',1.33623159999842755496e-02,'2026-11-25 19:31:24.126536',95,100,NULL);
CREATE TABLE clnp_database (
	id BIGINT NOT NULL, 
	database_id TEXT NOT NULL, 
	CONSTRAINT pk_clnp_database PRIMARY KEY (id), 
	CONSTRAINT ck_clnp_database_id CHECK (id = 1)
);
INSERT INTO "clnp_database" VALUES(1,'afab164e3c99475882e44cb24771e3f8');
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
INSERT INTO "clnp_epochs" VALUES(1,1,1,6.88479290008544908552e-01,1.9905664959780551039e-03,43,100,2.15458109996689017862e-02);
INSERT INTO "clnp_epochs" VALUES(1,1,2,6.81099510192871071545e-01,1.9013463294599206553e-03,43,100,5.38486699952045455574e-03);
INSERT INTO "clnp_epochs" VALUES(3,1,1,6.89249954223632776972e-01,1.86043631597422043366e-02,84,100,5.65644599919323809444e-03);
INSERT INTO "clnp_epochs" VALUES(3,1,2,6.76340999603271431084e-01,1.73970796515932335513e-02,78,100,2.49691110002459026873e-02);
INSERT INTO "clnp_epochs" VALUES(4,1,1,0.665073823928833,1.87538763344055024739e-02,61,100,4.80310599959921091794e-03);
INSERT INTO "clnp_epochs" VALUES(4,1,2,5.03557901382446271298e-01,2.3500710142543540515e-02,97,100,3.70964699868636671453e-03);
INSERT INTO "clnp_epochs" VALUES(2,1,1,7.01432781219482381906e-01,1.80622259983792923278e-03,62,100,1.01897580007062060758e-02);
INSERT INTO "clnp_epochs" VALUES(2,1,2,6.82672481536865216611e-01,2.04311705939471711934e-03,67,100,6.08175399975152686238e-03);
INSERT INTO "clnp_epochs" VALUES(5,1,1,7.09429912567138720724e-01,1.3570169150829314731e-03,47,100,8.58223300019744783639e-03);
INSERT INTO "clnp_epochs" VALUES(5,1,2,0.701833782196045,1.26997114121913919418e-03,48,100,0.00526324899874453);
INSERT INTO "clnp_epochs" VALUES(7,1,1,7.25521869659423779275e-01,1.29505804902873954825e-02,47,100,5.0949540000146953389e-03);
INSERT INTO "clnp_epochs" VALUES(7,1,2,7.02819099426269522368e-01,1.14892031743656850006e-02,47,100,3.97706699914124328643e-03);
INSERT INTO "clnp_epochs" VALUES(8,1,1,6.87827816009521475493e-01,6.79297562059946301998e-03,53,100,3.63510320003115339204e-02);
INSERT INTO "clnp_epochs" VALUES(8,1,2,6.68498153686523433059e-01,7.65283516608178653733e-03,53,100,5.66710699968098197132e-03);
INSERT INTO "clnp_epochs" VALUES(6,1,1,6.70613632202148424177e-01,1.89541697613894942996e-03,78,100,1.04506569987279362976e-02);
INSERT INTO "clnp_epochs" VALUES(6,1,2,6.43698797225952135114e-01,2.05783674805425130863e-03,61,100,8.10879500022565480321e-03);
INSERT INTO "clnp_epochs" VALUES(9,1,1,6.88479290008544908552e-01,1.9905664959780551039e-03,43,100,3.24743839992152061313e-02);
INSERT INTO "clnp_epochs" VALUES(9,1,2,6.81099510192871071545e-01,1.9013463294599206553e-03,43,100,5.72255000042787287384e-03);
INSERT INTO "clnp_epochs" VALUES(11,1,1,6.89249954223632776972e-01,1.86043631597422043366e-02,84,100,1.45252370002708630636e-02);
INSERT INTO "clnp_epochs" VALUES(11,1,2,6.76340999603271431084e-01,1.73970796515932335513e-02,78,100,9.39184100025158841162e-03);
INSERT INTO "clnp_epochs" VALUES(12,1,1,0.665073823928833,1.87538763344055024739e-02,61,100,2.70229519992426503449e-02);
INSERT INTO "clnp_epochs" VALUES(12,1,2,5.03557901382446271298e-01,2.3500710142543540515e-02,97,100,1.01137340006971498951e-02);
INSERT INTO "clnp_epochs" VALUES(10,1,1,7.01432781219482381906e-01,1.80622259983792923278e-03,62,100,3.88513420002709608525e-02);
INSERT INTO "clnp_epochs" VALUES(10,1,2,6.82672481536865216611e-01,2.04311705939471711934e-03,67,100,8.54373100082739256322e-03);
INSERT INTO "clnp_epochs" VALUES(13,1,1,7.09429912567138720724e-01,1.3570169150829314731e-03,47,100,1.69812519998231437057e-02);
INSERT INTO "clnp_epochs" VALUES(13,1,2,0.701833782196045,1.26997114121913919418e-03,48,100,2.43007169992779381573e-02);
INSERT INTO "clnp_epochs" VALUES(15,1,1,7.25521869659423779275e-01,1.29505804902873954825e-02,47,100,5.41670599886856507509e-03);
INSERT INTO "clnp_epochs" VALUES(15,1,2,7.02819099426269522368e-01,1.14892031743656850006e-02,47,100,6.84440400073071941733e-03);
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
INSERT INTO "clnp_events" VALUES(1,1,'2026-11-25 19:28:38.943863','run','created with 2 tasks','{"config_digest": "c9058b836efd23f10c3e74d562f1161788269e06fa53b198d6e1341e26c7940e"}');
INSERT INTO "clnp_events" VALUES(2,1,'2026-11-25 19:28:38.979246','lease','driven by process 12481 on laptop','{"host": "laptop", "pid": 12481, "fence": 1}');
INSERT INTO "clnp_events" VALUES(3,1,'2026-11-25 19:29:02.279803','stage','task 1: pending → sweeping: 4 trials planned','{"task": 1, "from": "pending", "to": "sweeping"}');
INSERT INTO "clnp_events" VALUES(4,1,'2026-11-25 19:29:24.276375','stage','task 1: sweeping → selecting: 4 trials ended','{"task": 1, "from": "sweeping", "to": "selecting"}');
INSERT INTO "clnp_events" VALUES(5,1,'2026-11-25 19:29:33.493447','stage','task 1: selecting → committing: trial 3 chosen','{"task": 1, "from": "selecting", "to": "committing"}');
INSERT INTO "clnp_events" VALUES(6,1,'2026-11-25 19:29:33.642707','stage','task 1: committing → committed: e06c315a2c6d','{"task": 1, "from": "committing", "to": "committed"}');
INSERT INTO "clnp_events" VALUES(7,1,'2026-11-25 19:29:33.786447','stage','task 2: pending → sweeping: 4 trials planned','{"task": 2, "from": "pending", "to": "sweeping"}');
INSERT INTO "clnp_events" VALUES(8,1,'2026-11-25 19:29:56.444195','stage','task 2: sweeping → selecting: 4 trials ended','{"task": 2, "from": "sweeping", "to": "selecting"}');
INSERT INTO "clnp_events" VALUES(9,1,'2026-11-25 19:30:02.669455','stage','task 2: selecting → committing: trial 1 chosen','{"task": 2, "from": "selecting", "to": "committing"}');
INSERT INTO "clnp_events" VALUES(10,1,'2026-11-25 19:30:02.757419','stage','task 2: committing → committed: a89b13b8c568','{"task": 2, "from": "committing", "to": "committed"}');
INSERT INTO "clnp_events" VALUES(11,1,'2026-11-25 19:30:04.267653','lease','released by process 12481 on laptop','{}');
INSERT INTO "clnp_events" VALUES(12,2,'2026-11-25 19:30:09.531593','run','created with 2 tasks','{"config_digest": "d2df4c824b3e3d138480cf4f90cca265aee6f10197d920372769730be3184c32"}');
INSERT INTO "clnp_events" VALUES(13,2,'2026-11-25 19:30:09.548121','lease','driven by process 14362 on laptop','{"host": "laptop", "pid": 14362, "fence": 1}');
INSERT INTO "clnp_events" VALUES(14,2,'2026-11-25 19:30:41.444547','stage','task 1: pending → sweeping: 4 trials planned','{"task": 1, "from": "pending", "to": "sweeping"}');
INSERT INTO "clnp_events" VALUES(15,2,'2026-11-25 19:31:10.915513','stage','task 1: sweeping → selecting: 4 trials ended','{"task": 1, "from": "sweeping", "to": "selecting"}');
INSERT INTO "clnp_events" VALUES(16,2,'2026-11-25 19:31:24.005696','stage','task 1: selecting → committing: trial 3 chosen','{"task": 1, "from": "selecting", "to": "committing"}');
INSERT INTO "clnp_events" VALUES(17,2,'2026-11-25 19:31:24.126372','stage','task 1: committing → committed: e06c315a2c6d','{"task": 1, "from": "committing", "to": "committed"}');
INSERT INTO "clnp_events" VALUES(18,2,'2026-11-25 19:31:24.271415','stage','task 2: pending → sweeping: 4 trials planned','{"task": 2, "from": "pending", "to": "sweeping"}');
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
INSERT INTO "clnp_runs" VALUES(1,'finished',NULL,'clnp','asset_tasks:Tasks',2,0,'20','{"name": "finished", "seed": 0, "benchmark": {"name": "asset_tasks:Tasks", "tasks": 2, "params": {}, "validation_fraction": null, "class_order": "index", "samples_per_class": null}, "network": {"name": null, "width_factor": 1.0, "params": {}, "activation": "relu", "layers": null, "output": null, "hidden": [8, 6], "head": "single", "head_bias": false}, "training": {"optimizer": "adam", "momentum": 0.0, "weight_decay": 0.0, "batch_size": 50, "epochs": 2, "milestones": [], "gamma": 0.1, "early_stopping_patience": null, "normalize": "unit"}, "sweep": {"sampler": "grid", "protocol": "per-task", "first_tasks": null, "alpha": [0.0001, 0.001], "learning_rate": [0.01, 0.1], "samples": null, "later_tasks": null, "reuse_trials": false}, "selection": {"margin_points": "20", "threshold": "shared", "rule": "sparsest", "capacity_weight_points": null, "curve_points": 5}, "fine_tuning": null, "capacity": {"on_depletion": "stop", "widen_by": null, "widen_below": 0.0}, "evaluation": {"batch_size": 1000}, "resources": {"cpus_per_trial": 1.0, "gpus_per_trial": 0.0, "max_concurrent_trials": null, "trial_time_limit_seconds": null, "sweep_time_limit_seconds": null, "checkpoint_every_seconds": 300.0, "job_time_limit_seconds": null, "retries": 2, "database_patience_seconds": 600.0, "threads_per_trial": 1}, "storage": {"keep_trials": 10}}','c9058b836efd23f10c3e74d562f1161788269e06fa53b198d6e1341e26c7940e','0.1.0+b351a6242863','{"python": "3.11.7", "clnp": "0.1.0", "torch": "2.13.0+cpu", "torchvision": "0.28.0", "ray": "2.60.0", "optuna": "5.0.0", "numpy": "2.4.6", "pandas": "3.1.1", "sqlalchemy": "2.1.9", "alembic": "1.20.1", "pydantic": "2.14.3", "safetensors": "0.8.0", "scikit-learn": "1.9.1"}','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+b351a6242863", "threads": 1}',NULL,NULL,'2026-11-25 19:28:38.899425',2,NULL,NULL,NULL,NULL,60.0,'2026-11-25 19:30:02.778430');
INSERT INTO "clnp_runs" VALUES(2,'interrupted',NULL,'clnp','asset_tasks:Tasks',2,0,'20','{"name": "interrupted", "seed": 0, "benchmark": {"name": "asset_tasks:Tasks", "tasks": 2, "params": {}, "validation_fraction": null, "class_order": "index", "samples_per_class": null}, "network": {"name": null, "width_factor": 1.0, "params": {}, "activation": "relu", "layers": null, "output": null, "hidden": [8, 6], "head": "single", "head_bias": false}, "training": {"optimizer": "adam", "momentum": 0.0, "weight_decay": 0.0, "batch_size": 50, "epochs": 2, "milestones": [], "gamma": 0.1, "early_stopping_patience": null, "normalize": "unit"}, "sweep": {"sampler": "grid", "protocol": "per-task", "first_tasks": null, "alpha": [0.0001, 0.001], "learning_rate": [0.01, 0.1], "samples": null, "later_tasks": null, "reuse_trials": false}, "selection": {"margin_points": "20", "threshold": "shared", "rule": "sparsest", "capacity_weight_points": null, "curve_points": 5}, "fine_tuning": null, "capacity": {"on_depletion": "stop", "widen_by": null, "widen_below": 0.0}, "evaluation": {"batch_size": 1000}, "resources": {"cpus_per_trial": 1.0, "gpus_per_trial": 0.0, "max_concurrent_trials": null, "trial_time_limit_seconds": null, "sweep_time_limit_seconds": null, "checkpoint_every_seconds": 300.0, "job_time_limit_seconds": null, "retries": 2, "database_patience_seconds": 600.0, "threads_per_trial": 1}, "storage": {"keep_trials": 10}}','d2df4c824b3e3d138480cf4f90cca265aee6f10197d920372769730be3184c32','0.1.0+b351a6242863','{"python": "3.11.7", "clnp": "0.1.0", "torch": "2.13.0+cpu", "torchvision": "0.28.0", "ray": "2.60.0", "optuna": "5.0.0", "numpy": "2.4.6", "pandas": "3.1.1", "sqlalchemy": "2.1.9", "alembic": "1.20.1", "pydantic": "2.14.3", "safetensors": "0.8.0", "scikit-learn": "1.9.1"}','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+b351a6242863", "threads": 1}',NULL,NULL,'2026-11-25 19:30:09.509525',1,'laptop',14362,1795635006.74,'460893d0610c4b6081e1c18522a88682',60.0,'2026-11-25 19:31:54.630363');
CREATE TABLE "clnp_selections" (
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
	rule VARCHAR(32) NOT NULL, 
	capacity_weight_points TEXT, 
	CONSTRAINT pk_clnp_selections PRIMARY KEY (id), 
	CONSTRAINT fk_clnp_selections_chosen_trial_id FOREIGN KEY(chosen_trial_id) REFERENCES clnp_trials (id) ON DELETE CASCADE, 
	CONSTRAINT uq_clnp_selections_stage_id UNIQUE (stage_id), 
	CONSTRAINT fk_clnp_selections_stage_id FOREIGN KEY(stage_id) REFERENCES clnp_stages (id) ON DELETE CASCADE, 
	CONSTRAINT ck_clnp_selections_rule CHECK (rule IN ('sparsest', 'trade-off'))
);
INSERT INTO "clnp_selections" VALUES(1,1,4,97,100,'20','[2, 3]','[0.330433391481638, 0.330433391481638]',95,9,14,'sparsest within the margin: 9 neurons free, 95 of 100 correct after pruning',9.17113888799940468743e+00,'2026-11-25 19:29:33.493561','sparsest',NULL);
INSERT INTO "clnp_selections" VALUES(2,2,6,78,100,'20','[1]','[0.38520130060613156, 0.38520130060613156]',71,4,14,'sparsest within the margin: 4 neurons free, 71 of 100 correct after pruning',6.21033698300016112625e+00,'2026-11-25 19:30:02.669567','sparsest',NULL);
INSERT INTO "clnp_selections" VALUES(3,3,12,97,100,'20','[2, 3]','[0.330433391481638, 0.330433391481638]',95,9,14,'sparsest within the margin: 9 neurons free, 95 of 100 correct after pruning',1.307474508599989349e+01,'2026-11-25 19:31:24.005793','sparsest',NULL);
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
INSERT INTO "clnp_stages" VALUES(1,1,1,'committed',NULL,NULL,200,100,100,'[6]',2,'86ee26919c2f7aa151616d3d8ced2bb79a748bbac3036227ff7365c6487d5334','07e68a55432ef1de6e7d046b39f61298ae7543ea170206a0644d2d51da5c36c1','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+b351a6242863", "threads": 1}','{"input_shape": [6], "layers": [{"kind": "dense", "neurons": 8, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}, {"kind": "dense", "neurons": 6, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}], "classes": 2, "head": "single", "head_bias": false, "output": {"kind": "dense"}}',NULL,'2026-11-25 19:29:02.279958','2026-11-25 19:29:24.276469','2026-11-25 19:29:33.493561','2026-11-25 19:29:33.642798');
INSERT INTO "clnp_stages" VALUES(2,1,2,'committed',NULL,NULL,200,100,100,'[6]',2,'e653991c6857c336b3b09c37491c7e38a08b56b8b3ab876862f9fe7df31a70b9','489739ae5cb36847979469bfda1bb0e1294e97559dfc031ebbc1e0472c6bc75c','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+b351a6242863", "threads": 1}','{"input_shape": [6], "layers": [{"kind": "dense", "neurons": 8, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}, {"kind": "dense", "neurons": 6, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}], "classes": 2, "head": "single", "head_bias": false, "output": {"kind": "dense"}}','e06c315a2c6d70582201ca0fbebe63ef478af7be430061732410c3b85a050806','2026-11-25 19:29:33.786546','2026-11-25 19:29:56.444329','2026-11-25 19:30:02.669567','2026-11-25 19:30:02.757509');
INSERT INTO "clnp_stages" VALUES(3,2,1,'committed',NULL,NULL,200,100,100,'[6]',2,'86ee26919c2f7aa151616d3d8ced2bb79a748bbac3036227ff7365c6487d5334','07e68a55432ef1de6e7d046b39f61298ae7543ea170206a0644d2d51da5c36c1','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+b351a6242863", "threads": 1}','{"input_shape": [6], "layers": [{"kind": "dense", "neurons": 8, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}, {"kind": "dense", "neurons": 6, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}], "classes": 2, "head": "single", "head_bias": false, "output": {"kind": "dense"}}',NULL,'2026-11-25 19:30:41.447186','2026-11-25 19:31:10.915594','2026-11-25 19:31:24.005793','2026-11-25 19:31:24.126536');
INSERT INTO "clnp_stages" VALUES(4,2,2,'sweeping',NULL,NULL,200,100,100,'[6]',2,'e653991c6857c336b3b09c37491c7e38a08b56b8b3ab876862f9fe7df31a70b9','489739ae5cb36847979469bfda1bb0e1294e97559dfc031ebbc1e0472c6bc75c','{"device": "cpu x86_64 AVX2", "torch": "2.13.0+cpu", "code": "0.1.0+b351a6242863", "threads": 1}','{"input_shape": [6], "layers": [{"kind": "dense", "neurons": 8, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}, {"kind": "dense", "neurons": 6, "batch_norm": false, "activation": "relu", "pool": null, "dropout": 0.0}], "classes": 2, "head": "single", "head_bias": false, "output": {"kind": "dense"}}','e06c315a2c6d70582201ca0fbebe63ef478af7be430061732410c3b85a050806','2026-11-25 19:31:24.271606',NULL,NULL,NULL);
CREATE TABLE clnp_threshold_points (
	trial_id INTEGER NOT NULL, 
	position BIGINT NOT NULL, 
	threshold FLOAT NOT NULL, 
	val_correct BIGINT NOT NULL, 
	free_neurons BIGINT NOT NULL, 
	CONSTRAINT pk_clnp_threshold_points PRIMARY KEY (trial_id, position), 
	CONSTRAINT fk_clnp_threshold_points_trial_id FOREIGN KEY(trial_id) REFERENCES clnp_trials (id) ON DELETE CASCADE
);
INSERT INTO "clnp_threshold_points" VALUES(1,0,0.0,43,3);
INSERT INTO "clnp_threshold_points" VALUES(1,1,4.55456095933914201223e-02,43,6);
INSERT INTO "clnp_threshold_points" VALUES(1,2,8.1217287108302116394e-02,43,8);
INSERT INTO "clnp_threshold_points" VALUES(1,3,1.53481697514653209202e-01,43,11);
INSERT INTO "clnp_threshold_points" VALUES(1,4,3.85699299275875095993e-01,43,14);
INSERT INTO "clnp_threshold_points" VALUES(3,0,0.0,84,0);
INSERT INTO "clnp_threshold_points" VALUES(3,1,1.69182164967060094662e-02,84,4);
INSERT INTO "clnp_threshold_points" VALUES(3,2,9.62893265485763594213e-02,65,7);
INSERT INTO "clnp_threshold_points" VALUES(3,3,2.52982052806764834418e-01,43,10);
INSERT INTO "clnp_threshold_points" VALUES(3,4,7.64929778873920440673e-01,43,14);
INSERT INTO "clnp_threshold_points" VALUES(4,0,0.0,97,7);
INSERT INTO "clnp_threshold_points" VALUES(4,1,0.330433391481638,95,9);
INSERT INTO "clnp_threshold_points" VALUES(4,2,5.44032122790813477131e-01,76,10);
INSERT INTO "clnp_threshold_points" VALUES(4,3,7.20231109708547645453e-01,43,12);
INSERT INTO "clnp_threshold_points" VALUES(4,4,7.67852272838354110717e-01,43,14);
INSERT INTO "clnp_threshold_points" VALUES(2,0,0.0,67,8);
INSERT INTO "clnp_threshold_points" VALUES(2,1,2.32363246381282794253e-03,67,10);
INSERT INTO "clnp_threshold_points" VALUES(2,2,2.09341882541775707593e-02,65,11);
INSERT INTO "clnp_threshold_points" VALUES(2,3,1.72363677397370351762e-01,57,12);
INSERT INTO "clnp_threshold_points" VALUES(2,4,6.10353784114122444037e-01,43,14);
INSERT INTO "clnp_threshold_points" VALUES(5,0,0.0,48,3);
INSERT INTO "clnp_threshold_points" VALUES(5,1,1.62345135211944581465e-02,52,5);
INSERT INTO "clnp_threshold_points" VALUES(5,2,4.37740104645490679668e-02,52,6);
INSERT INTO "clnp_threshold_points" VALUES(5,3,5.81761924922466269749e-02,49,7);
INSERT INTO "clnp_threshold_points" VALUES(5,4,1.93305904120206845098e-01,53,9);
INSERT INTO "clnp_threshold_points" VALUES(7,0,0.0,47,3);
INSERT INTO "clnp_threshold_points" VALUES(7,1,3.69877566397190105096e-02,47,5);
INSERT INTO "clnp_threshold_points" VALUES(7,2,7.69306647032499263394e-02,47,6);
INSERT INTO "clnp_threshold_points" VALUES(7,3,3.14316299930214870794e-01,47,7);
INSERT INTO "clnp_threshold_points" VALUES(7,4,5.63637899830937372236e-01,53,9);
INSERT INTO "clnp_threshold_points" VALUES(8,0,0.0,53,6);
INSERT INTO "clnp_threshold_points" VALUES(8,1,2.29703948646783825959e-02,53,7);
INSERT INTO "clnp_threshold_points" VALUES(8,2,6.85983322709798781779e-01,53,8);
INSERT INTO "clnp_threshold_points" VALUES(8,3,7.83387465327978094187e-01,53,9);
INSERT INTO "clnp_threshold_points" VALUES(6,0,0.0,78,2);
INSERT INTO "clnp_threshold_points" VALUES(6,1,3.8520130060613155809e-01,71,4);
INSERT INTO "clnp_threshold_points" VALUES(6,2,5.57684137672185942236e-01,55,5);
INSERT INTO "clnp_threshold_points" VALUES(6,3,9.96255598366260541887e-01,47,7);
INSERT INTO "clnp_threshold_points" VALUES(6,4,1.2629208493232726429e+00,53,9);
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
INSERT INTO "clnp_threshold_points" VALUES(10,0,0.0,67,8);
INSERT INTO "clnp_threshold_points" VALUES(10,1,2.32363246381282794253e-03,67,10);
INSERT INTO "clnp_threshold_points" VALUES(10,2,2.09341882541775707593e-02,65,11);
INSERT INTO "clnp_threshold_points" VALUES(10,3,1.72363677397370351762e-01,57,12);
INSERT INTO "clnp_threshold_points" VALUES(10,4,6.10353784114122444037e-01,43,14);
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
	finished_at DATETIME, reused_from TEXT, 
	CONSTRAINT pk_clnp_trials PRIMARY KEY (id), 
	CONSTRAINT ck_clnp_trials_val_correct CHECK (val_correct BETWEEN 0 AND val_total), 
	CONSTRAINT fk_clnp_trials_artifact_digest FOREIGN KEY(artifact_digest) REFERENCES clnp_artifacts (digest), 
	CONSTRAINT fk_clnp_trials_stage_id FOREIGN KEY(stage_id) REFERENCES clnp_stages (id) ON DELETE CASCADE, 
	CONSTRAINT uq_clnp_trials_stage_id_number UNIQUE (stage_id, number), 
	CONSTRAINT ck_clnp_trials_state CHECK (state IN ('pending', 'running', 'finished', 'failed')), 
	CONSTRAINT ck_clnp_trials_failure_kind CHECK (failure_kind IN ('diverged', 'timed out', 'error', 'lost'))
);
INSERT INTO "clnp_trials" VALUES(1,1,0,'c17805e6d13c54453b98c9116f8d30f2aa4a120e47572426ed3821eb9cbbeeeb','[0.0001, 0.0001, 0.0001]',0.01,234972100220598050,'finished',NULL,NULL,1,'95cc989b','laptop','cpu',43,100,0.43,14,1,2,8.274900499964132905e-02,4.36335752200102433562e+00,'a675a761e541fd70e14427101270b42022ce11cbb12e596179582efc00a0d27b','2026-11-25 19:29:02.279964','2026-11-25 19:29:19.490285','2026-11-25 19:29:23.844216',NULL);
INSERT INTO "clnp_trials" VALUES(2,1,1,'f692b4bcde0e2063e20081aa094febadc2b9e414015ab965519d13d9ba14988d','[0.0001, 0.0001, 0.0001]',0.1,323180495949217406,'finished',NULL,NULL,1,'9d8f59f3','laptop','cpu',67,100,0.67,14,2,2,7.85687170009623514488e-02,4.42970991199945274274e+00,'56e671bd9a9b766269341e984ca7057e037651e55774c5446ef4c0a0f2dacb3d','2026-11-25 19:29:02.279964','2026-11-25 19:29:19.774660','2026-11-25 19:29:24.207348',NULL);
INSERT INTO "clnp_trials" VALUES(3,1,2,'ebfa7f51ab1f35b2dd78cba03af34cc0497ac74a0ed5aaa6275b5f7b29235ed8','[0.001, 0.001, 0.001]',0.01,5529686089546115419,'finished',NULL,NULL,1,'19df5d42','laptop','cpu',84,100,0.84,14,1,2,3.09868739986995933577e-02,5.46699940005055395886e-02,'ea7f0b4604ad705e975a382bf8f9bf25158c55e4f9a5ebe409cbe46520994565','2026-11-25 19:29:02.279964','2026-11-25 19:29:23.893192','2026-11-25 19:29:23.969091',NULL);
INSERT INTO "clnp_trials" VALUES(4,1,3,'8f088e04742b261b1c12b0126a893e6c134b1f9c2b6c7059aefa2088d536b3d7','[0.001, 0.001, 0.001]',0.1,7076487077137812119,'finished',NULL,NULL,1,'c1f572fc','laptop','cpu',97,100,0.97,14,2,2,8.75696100047207437455e-03,2.45234250014618737623e-02,'5fb757cdd3b56bbf1ae1c65fc2577cf61552cca55b023cd89836d612101c9379','2026-11-25 19:29:02.279964','2026-11-25 19:29:23.982652','2026-11-25 19:29:24.011668',NULL);
INSERT INTO "clnp_trials" VALUES(5,2,0,'5a89ed72f1d75aacb75e262743a99c88ef585caac4536882afb735fb79b50c01','[0.0001, 0.0001, 0.0001]',0.01,3567769904629690534,'finished',NULL,NULL,1,'5bcc5b05','laptop','cpu',48,100,0.48,14,2,2,3.63732840014563407748e-02,4.18764324499898066278e+00,'ca4ec7030ec716728f92acb0bed92b6274a0e3a9eb75e625edbd876036aa1c2e','2026-11-25 19:29:33.786552','2026-11-25 19:29:51.161958','2026-11-25 19:29:55.353780',NULL);
INSERT INTO "clnp_trials" VALUES(6,2,1,'141d22eb288de956acb48ee7b0a0961151b662af6627f1df47f6a00ec05aab39','[0.0001, 0.0001, 0.0001]',0.1,2139047147786998183,'finished',NULL,NULL,1,'2e569e7c','laptop','cpu',78,100,0.78,14,1,2,5.72387299998808884993e-02,3.77118887800133961718e+00,'d0b9a97f5427cf569217b6af644d10b57d64c255b048c2458c22a994c7f460cd','2026-11-25 19:29:33.786552','2026-11-25 19:29:52.575722','2026-11-25 19:29:56.360026',NULL);
INSERT INTO "clnp_trials" VALUES(7,2,2,'1077597aec6b06300229f013faf264a9684be309ee82537888f9234b6e3a93b0','[0.001, 0.001, 0.001]',0.01,7031622809965718910,'finished',NULL,NULL,1,'6a12acc6','laptop','cpu',47,100,0.47,14,1,2,9.78447699890239164233e-03,1.07074808998731896281e-01,'725b123bee98c0965d3146ba11e425a3142c8bb87dac10f6416aeeca2a9b20ad','2026-11-25 19:29:33.786552','2026-11-25 19:29:55.392292','2026-11-25 19:29:55.518667',NULL);
INSERT INTO "clnp_trials" VALUES(8,2,3,'9b440364828eb62db1d1d81bcea2a88ff2ca14749f599c1013133ca4969bff76','[0.001, 0.001, 0.001]',0.1,5237356913842823507,'finished',NULL,NULL,1,'86cdd0b7','laptop','cpu',53,100,0.53,14,1,2,4.23608319997583748772e-02,5.3386515999591210857e-02,'5f9508c8c284a7a8c3a34ee9af587314f859ef25ba4d5ff841eea9ebd810f4af','2026-11-25 19:29:33.786552','2026-11-25 19:29:55.541495','2026-11-25 19:29:55.600694',NULL);
INSERT INTO "clnp_trials" VALUES(9,3,0,'c17805e6d13c54453b98c9116f8d30f2aa4a120e47572426ed3821eb9cbbeeeb','[0.0001, 0.0001, 0.0001]',0.01,234972100220598050,'finished',NULL,NULL,1,'771422de','laptop','cpu',43,100,0.43,14,1,2,1.24335876000259304419e-01,7.41794812300031480845e+00,'a675a761e541fd70e14427101270b42022ce11cbb12e596179582efc00a0d27b','2026-11-25 19:30:41.447199','2026-11-25 19:31:02.440328','2026-11-25 19:31:09.862285',NULL);
INSERT INTO "clnp_trials" VALUES(10,3,1,'f692b4bcde0e2063e20081aa094febadc2b9e414015ab965519d13d9ba14988d','[0.0001, 0.0001, 0.0001]',0.1,323180495949217406,'finished',NULL,NULL,1,'71d1b120','laptop','cpu',67,100,0.67,14,2,2,9.95571620005648583173e-02,6.72969882500001403968e+00,'56e671bd9a9b766269341e984ca7057e037651e55774c5446ef4c0a0f2dacb3d','2026-11-25 19:30:41.447199','2026-11-25 19:31:04.113482','2026-11-25 19:31:10.857800',NULL);
INSERT INTO "clnp_trials" VALUES(11,3,2,'ebfa7f51ab1f35b2dd78cba03af34cc0497ac74a0ed5aaa6275b5f7b29235ed8','[0.001, 0.001, 0.001]',0.01,5529686089546115419,'finished',NULL,NULL,1,'4e4de069','laptop','cpu',84,100,0.84,14,1,2,2.42300640002213185653e-02,4.5791135000399663113e-02,'ea7f0b4604ad705e975a382bf8f9bf25158c55e4f9a5ebe409cbe46520994565','2026-11-25 19:30:41.447199','2026-11-25 19:31:09.897958','2026-11-25 19:31:09.956135',NULL);
INSERT INTO "clnp_trials" VALUES(12,3,3,'8f088e04742b261b1c12b0126a893e6c134b1f9c2b6c7059aefa2088d536b3d7','[0.001, 0.001, 0.001]',0.1,7076487077137812119,'finished',NULL,NULL,1,'647fd902','laptop','cpu',97,100,0.97,14,2,2,4.96098249986971495673e-02,0.0636507340004755,'5fb757cdd3b56bbf1ae1c65fc2577cf61552cca55b023cd89836d612101c9379','2026-11-25 19:30:41.447199','2026-11-25 19:31:10.001189','2026-11-25 19:31:10.086970',NULL);
INSERT INTO "clnp_trials" VALUES(13,4,0,'5a89ed72f1d75aacb75e262743a99c88ef585caac4536882afb735fb79b50c01','[0.0001, 0.0001, 0.0001]',0.01,3567769904629690534,'finished',NULL,NULL,1,'e6f9787d','laptop','cpu',48,100,0.48,14,2,2,8.82321370008867233991e-02,7.86011804099871369544e+00,'ca4ec7030ec716728f92acb0bed92b6274a0e3a9eb75e625edbd876036aa1c2e','2026-11-25 19:31:24.271618','2026-11-25 19:31:46.667051','2026-11-25 19:31:54.540986',NULL);
INSERT INTO "clnp_trials" VALUES(14,4,1,'141d22eb288de956acb48ee7b0a0961151b662af6627f1df47f6a00ec05aab39','[0.0001, 0.0001, 0.0001]',0.1,2139047147786998183,'running',NULL,NULL,1,'b059c869','','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-25 19:31:24.271618','2026-11-25 19:31:45.050443',NULL,NULL);
INSERT INTO "clnp_trials" VALUES(15,4,2,'1077597aec6b06300229f013faf264a9684be309ee82537888f9234b6e3a93b0','[0.001, 0.001, 0.001]',0.01,7031622809965718910,'finished',NULL,NULL,1,'49400c10','laptop','cpu',47,100,0.47,14,1,2,1.26778530011506518349e-02,2.55937809997703880071e-02,'725b123bee98c0965d3146ba11e425a3142c8bb87dac10f6416aeeca2a9b20ad','2026-11-25 19:31:24.271618','2026-11-25 19:31:54.616052','2026-11-25 19:31:54.692102',NULL);
INSERT INTO "clnp_trials" VALUES(16,4,3,'9b440364828eb62db1d1d81bcea2a88ff2ca14749f599c1013133ca4969bff76','[0.001, 0.001, 0.001]',0.1,5237356913842823507,'pending',NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-25 19:31:24.271618',NULL,NULL,NULL);
CREATE TABLE "clnp_verdicts" (
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
	CONSTRAINT ck_clnp_verdicts_verdict CHECK (verdict IN ('chosen', 'sparser one exists', 'better trade-off exists', 'worse tie', 'outside margin', 'failed'))
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
CREATE INDEX ix_clnp_selections_chosen_trial_id ON clnp_selections (chosen_trial_id);
CREATE INDEX ix_clnp_verdicts_selection_id ON clnp_verdicts (selection_id);
CREATE VIEW clnp_v_trials AS
SELECT r.name AS run, s.task, t.number, t.state, t.alpha, t.learning_rate, t.seed,
       t.val_correct, t.val_total, t.val_accuracy, v.verdict, v.reason AS verdict_reason,
       v.pruned_val_correct, CAST(v.pruned_val_correct AS DOUBLE PRECISION) / t.val_total AS pruned_val_accuracy,
       v.free_neurons, t.hidden_total, CAST(v.free_neurons AS DOUBLE PRECISION) / t.hidden_total AS sparsity, v.thresholds,
       t.failure_kind, t.failure_reason, t.attempts, t.reused_from, t.best_epoch, t.epochs_run, t.train_seconds, t.total_seconds,
       t.host, t.device, t.key, t.artifact_digest, t.started_at, t.finished_at
FROM clnp_trials t
JOIN clnp_stages s ON s.id = t.stage_id
JOIN clnp_runs r ON r.id = s.run_id
LEFT JOIN clnp_verdicts v ON v.trial_id = t.id;
COMMIT;
